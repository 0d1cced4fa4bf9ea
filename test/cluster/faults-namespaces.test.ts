/**
 * The network between real hosts, each with a TCP of its own, loses packets, is slow or is cut:
 * whatever ingest received reaches every listener once, and what nobody kept is told as a number.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingProgram } from '../programs.mjs';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { NamespaceNetwork, whyNoNetwork } from '../support/network-namespaces.ts';
import { metricOf } from '../support/server-views.ts';
import { Fleet } from './fleet.ts';
import { FleetListener } from './fleet-listener.ts';

const skip = missingProgram('nats-server', 'redis-server', 'redis-cli') || (await whyNoNetwork());
/** Less than what publishers keep, and more than it takes to notice. */
const cutMs = 8_000;
/** TCP asks again after a pause that doubles each time: after a cut up to as long as that was. */
const recoveryMs = 20_000;
const leaseMs = 10_000;
/** What publishers keep. */
const keptMs = 15_000;
const beyondMs = 3_000;
/** Until an ingest has a connection again after a cut: an attempt that was under way may fail first. */
const reconnectMs = 4_000;
const lossyMs = 5_000;
const farHosts = ['ingest-1', 'edge-1'];

describe('a fleet on a network of hosts', { skip, timeout: 240_000 }, () => {
  let network: NamespaceNetwork;
  let fleet: Fleet;
  const sources: CountingSource[] = [];
  const listeners: FleetListener[] = [];

  before(async () => {
    network = await NamespaceNetwork.create(['backend', 'ingest-1', 'ingest-2', 'edge-1', 'edge-2']);
    fleet = await Fleet.start({
      hosts: network.hosts,
      ingests: 2,
      edges: 2,
      control: false,
      set: [`server.trustedProxies=${network.subnet}`],
    });
  });
  afterEach(async () => {
    await network.setFaults();
    for (const source of sources.splice(0)) source.destroy();
    for (const listener of listeners.splice(0)) listener.close();
    await eventually('every server is back at bus and store', areBack, recoveryMs);
  });
  after(async () => {
    await fleet?.stop();
    await network?.remove();
  });

  async function areBack(): Promise<boolean> {
    const connected = await Promise.all(
      ['bus', 'store'].flatMap((what) =>
        fleet.servers.map((server) => metricOf(server, `legacystream_runtime_${what}_connected`)),
      ),
    );
    return connected.every((value) => value === 1);
  }

  async function send(mount: string, ingest: number, id = 1): Promise<CountingSource> {
    const { host, httpPort: port } = fleet.ingests[ingest]!;
    const source = await CountingSource.start({ host, port, mount, id, headStartMs: id === 1 ? 1_000 : 0 });
    sources.push(source);
    return source;
  }

  async function listen(mount: string): Promise<FleetListener[]> {
    const audience = await Promise.all(fleet.edges.map((edge) => FleetListener.open(edge, mount)));
    listeners.push(...audience);
    await eventually('everybody hears', () => audience.every((listener) => listener.read().count > 50));
    for (const listener of audience) listener.mark();
    return audience;
  }

  /** Every listener hears all that the source has sent until now. */
  async function hearAll(audience: readonly FleetListener[], source: CountingSource): Promise<void> {
    const last = source.nextNumber - 1;
    await eventually(
      `everybody has heard frame ${last}`,
      () => audience.every((listener) => listener.isConnected && listener.read().last! >= last),
      recoveryMs,
    );
  }

  function tellSilence(t: TestContext, audience: readonly FleetListener[]): void {
    for (const [i, { silenceMs }] of audience.entries())
      t.diagnostic(`longest silence at edge-${i + 1}: ${Math.round(silenceMs)} ms`);
  }

  function assertAllWhole(audience: readonly FleetListener[]): void {
    for (const [i, listener] of audience.entries()) listener.assertWhole(`a listener of edge-${i + 1}`);
  }

  /** Of an ingest and an edge, to all others and to the test. */
  async function assertUnharmedBy(t: TestContext, mount: string, lossPercent: number): Promise<void> {
    await network.setFaults(...farHosts.map((host) => ({ host, lossPercent })));
    const source = await send(mount, 0);
    const audience = await listen(mount);
    await sleep(lossyMs);
    await hearAll(audience, source);
    tellSilence(t, audience);
    const dropped = await network.dropped();
    t.diagnostic(`${dropped} packets were lost`);
    assert.ok(dropped > 5, `${dropped} packets were lost`);
    assertAllWhole(audience);
  }

  test('one packet of twenty is lost: all of it comes, once', (t) => assertUnharmedBy(t, '/lossy.mp3', 5));

  test('packets take 100 ms more and one of fifty is lost: all of it comes, once', async (t) => {
    const missing = missingProgram('python3');
    if (missing) return t.skip(missing);
    for (const host of farHosts) await network.lengthen(host, 100);
    try {
      const askedMs = performance.now();
      await metricOf(fleet.edges[0]!, 'legacystream_edge_messages_lost_total');
      assert.ok(performance.now() - askedMs >= 200, 'the way there and back is longer');
      await assertUnharmedBy(t, '/far.mp3', 2);
    } finally {
      for (const host of farHosts) await network.shorten(host);
    }
  });

  const edgeCuts = [
    {
      by: 'silence',
      start: () => network.setFaults({ host: 'edge-1', peer: 'backend', lossPercent: 100 }),
      end: () => network.setFaults(),
    },
    {
      by: 'an unplugged cable, its listeners as well',
      start: () => network.unplug('edge-1'),
      end: () => network.plugIn('edge-1'),
    },
  ];
  for (const [i, { by, start, end }] of edgeCuts.entries()) {
    test(`an edge is cut off by ${by}: all of it comes, once`, async (t) => {
      // Afterwards everything that was missed is written to everybody at the same moment.
      const mounts = Array.from({ length: 6 }, (_, j) => `/cut-edge-${i}-${j}.mp3`);
      const all = await Promise.all(
        mounts.map(async (mount) => ({ source: await send(mount, 1), audience: await listen(mount) })),
      );
      await start();
      await sleep(cutMs);
      for (const { audience } of all) {
        const [cutOff, other] = audience;
        assert.ok(cutOff!.silentForMs > cutMs / 2, 'the edge is cut off');
        assert.ok(other!.silentForMs < 2_000, 'the other edge has noticed nothing');
      }
      await end();
      for (const { source, audience } of all) await hearAll(audience, source);
      tellSilence(t, all[0]!.audience);
      for (const { audience } of all) assertAllWhole(audience);
    });
  }

  const ingestCuts = [
    {
      by: 'silence',
      forMs: cutMs,
      start: () => network.setFaults({ host: 'ingest-1', peer: 'backend', lossPercent: 100 }),
      end: () => network.setFaults(),
    },
    {
      by: 'an unplugged cable, its source as well',
      // TCP is back after as long again, and the source has ten seconds in all.
      forMs: 4_000,
      start: () => network.unplug('ingest-1'),
      end: () => network.plugIn('ingest-1'),
    },
  ];
  for (const [i, { by, forMs, start, end }] of ingestCuts.entries()) {
    test(`an ingest is cut off by ${by}: all of it comes, once`, async (t) => {
      const mount = `/cut-ingest-${i}.mp3`;
      const source = await send(mount, 0);
      const audience = await listen(mount);
      await start();
      await sleep(forMs);
      for (const { silentForMs } of audience) assert.ok(silentForMs > forMs / 2, 'the ingest is cut off');
      await end();
      await hearAll(audience, source);
      tellSilence(t, audience);
      assertAllWhole(audience);
      assert.equal(source.client.isClosed, false, 'the source has noticed nothing');
    });
  }

  for (const [i, peer] of (['backend', undefined] as const).entries()) {
    const from = peer ? 'bus and store, but not from its encoder' : 'everybody';
    test(`an ingest is cut off from ${from}, for longer than its lease: an encoder goes on at another one, and nothing is heard twice`, async (t) => {
      const mount = `/fenced-${i}.mp3`;
      const cutOff = await send(mount, 0);
      const audience = await listen(mount);
      await network.setFaults({ host: 'ingest-1', ...(peer && { peer }), lossPercent: 100 });
      const cutAtMs = performance.now();
      const heir = await eventually('it is let in', () => send(mount, 1, 2).catch(() => undefined), leaseMs);
      const letInMs = performance.now();
      for (const listener of audience) {
        await eventually('it hears the encoder again', () => listener.heardOf(2) > 0);
      }
      t.diagnostic(`let in ${Math.round(letInMs - cutAtMs)} ms after the cut`);
      t.diagnostic(`heard ${Math.round(performance.now() - letInMs)} ms later`);
      const heard = audience.map((listener) => listener.heardOf(1));
      await sleep(leaseMs + 1_000 - (performance.now() - cutAtMs));
      await network.setFaults();
      await eventually('the fenced one lets its source go', () => cutOff.client.isClosed, recoveryMs);
      await hearAll(audience, heir);
      tellSilence(t, audience);
      for (const [j, listener] of audience.entries()) {
        assert.equal(listener.heardOf(1), heard[j], 'nothing more of the fenced source');
      }
      assertAllWhole(audience);
    });
  }

  test('the host of an ingest vanishes: an encoder that came through an edge is let go, and is let in at the other', async (t) => {
    const mount = '/vanished.mp3';
    const { host, httpPort: port } = fleet.edges[1]!;
    const come = async (id: number, headStartMs: number) => {
      const source = await CountingSource.start({ host, port, mount, id, headStartMs });
      sources.push(source);
      return source;
    };
    const source = await come(1, 1_000);
    const audience = await listen(mount);
    const at = fleet.ingests.findIndex(({ lines }) =>
      lines.some((line) => line.event === 'source.connected' && line['mount'] === mount),
    );
    await network.setFaults({ host: `ingest-${at + 1}`, lossPercent: 100 });
    const cutAtMs = performance.now();
    await eventually('the encoder is let go', () => source.client.isClosed, recoveryMs);
    t.diagnostic(`let go after ${Math.round(performance.now() - cutAtMs)} ms`);
    const heir = await eventually('it is let in', () => come(2, 0).catch(() => undefined), leaseMs);
    await eventually('it is heard', () => audience.every((listener) => listener.heardOf(2) > 50));
    await network.setFaults();
    await hearAll(audience, heir);
    tellSilence(t, audience);
    assertAllWhole(audience);
  });

  test('an ingest is cut off for longer than publishers keep: one gap, told as a number', async (t) => {
    const source = await send('/long-cut.mp3', 0);
    const audience = await listen('/long-cut.mp3');
    const told = () =>
      Promise.all(fleet.edges.map((edge) => metricOf(edge, 'legacystream_edge_messages_lost_total')));
    const before = await told();
    await network.setFaults({ host: 'ingest-1', peer: 'backend', lossPercent: 100 });
    await sleep(keptMs + beyondMs);
    await network.setFaults();
    await hearAll(audience, source);
    tellSilence(t, audience);
    const after = await told();
    for (const [i, listener] of audience.entries()) {
      listener.assertClean(`a listener of edge-${i + 1}`);
      const { gaps, lost: frames } = listener.read();
      const messages = after[i]! - before[i]!;
      t.diagnostic(`edge-${i + 1}: ${frames} frames are missing, ${messages} messages are told as lost`);
      assert.equal(gaps.length, 1, 'one gap');
      const missingMs = frames * source.format.frameMs;
      assert.ok(missingMs < beyondMs + reconnectMs, `no more than was not kept: ${missingMs} ms`);
      // A message is a tenth of a second, ended by the frame that fills it.
      const longestFrames = Math.ceil(100 / source.format.frameMs);
      assert.ok(
        messages > 0 && frames <= messages * longestFrames && frames >= messages,
        `the number is right: ${messages} for ${frames} frames`,
      );
    }
  });
});
