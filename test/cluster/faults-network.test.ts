/** The network between servers is slow, or cut: what can be made up for is, and two never speak for one mount. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingProgram } from '../programs.mjs';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { Fleet } from './fleet.ts';
import { FleetListener } from './fleet-listener.ts';

const skip = missingProgram('nats-server', 'redis-server');
/** Less than what publishers keep, and more than it takes to notice. */
const cutMs = 8_000;

describe('a fleet on a bad network', { skip, timeout: 180_000 }, () => {
  let fleet: Fleet;
  const sources: CountingSource[] = [];
  const listeners: FleetListener[] = [];

  before(async () => {
    fleet = await Fleet.start({ ingests: 2, edges: 2, control: false, linked: ['ingest-1', 'edge-1'] });
  });
  after(async () => {
    for (const source of sources) source.destroy();
    for (const listener of listeners) listener.close();
    await fleet?.stop();
  });

  async function send(mount: string, ingest: number, id = 1): Promise<CountingSource> {
    const { httpPort: port } = fleet.ingests[ingest]!;
    const source = await CountingSource.start({ port, mount, id, headStartMs: id === 1 ? 1_000 : 0 });
    sources.push(source);
    return source;
  }

  async function listen(mount: string): Promise<FleetListener[]> {
    const audience = await Promise.all(
      fleet.edges.map((edge) =>
        eventually('the mount is known', () => FleetListener.open(edge, mount).catch(() => undefined)),
      ),
    );
    listeners.push(...audience);
    await eventually('everybody hears', () => audience.every((listener) => listener.read().count > 50));
    for (const listener of audience) listener.mark();
    return audience;
  }

  async function hearsOn(audience: readonly FleetListener[], frames: number): Promise<void> {
    const goals = audience.map((listener) => listener.read().count + frames);
    await eventually(
      'everybody hears on',
      () => audience.every((listener, i) => listener.read().count >= goals[i]!),
      20_000,
    );
  }

  const linesOf = (podId: string) => Object.values(fleet.links.get(podId)!);

  test('every message takes 100 ms more: all of it comes, once', async (t) => {
    for (const line of [...linesOf('ingest-1'), ...linesOf('edge-1')]) line.delayMs = 100;
    const audience = await listen((await send('/slow.mp3', 0)) && '/slow.mp3');
    await hearsOn(audience, 200);
    for (const listener of audience) {
      listener.assertWhole('a listener');
      t.diagnostic(`longest silence ${Math.round(listener.silenceMs)} ms`);
    }
    for (const line of [...linesOf('ingest-1'), ...linesOf('edge-1')]) line.delayMs = 0;
  });

  test('the ingest is cut off and comes back: all of it comes, once', async (t) => {
    const source = await send('/cut-ingest.mp3', 0);
    const audience = await listen('/cut-ingest.mp3');
    for (const line of linesOf('ingest-1')) line.cut();
    await sleep(cutMs);
    assert.ok(audience.every(({ isConnected }) => isConnected));
    for (const line of linesOf('ingest-1')) line.heal();
    await hearsOn(audience, 500);
    for (const listener of audience) {
      listener.assertWhole('a listener');
      t.diagnostic(`longest silence ${Math.round(listener.silenceMs)} ms`);
    }
    assert.equal(source.socket.destroyed, false, 'the source has noticed nothing');
  });

  test('an edge is cut off and comes back: all of it comes, once', async (t) => {
    await send('/cut-edge.mp3', 1);
    const audience = await listen('/cut-edge.mp3');
    for (const line of linesOf('edge-1')) line.cut();
    await sleep(cutMs);
    assert.ok(audience[1]!.silentForMs < 2_000, 'the other edge has noticed nothing');
    for (const line of linesOf('edge-1')) line.heal();
    await hearsOn(audience, 500);
    for (const listener of audience) {
      listener.assertWhole('a listener');
      t.diagnostic(`longest silence ${Math.round(listener.silenceMs)} ms`);
    }
  });

  test('another takes over from an ingest that is cut off, and what that one has to say later is heard by no one', async () => {
    const cutOff = await send('/fenced.mp3', 0);
    const audience = await listen('/fenced.mp3');
    for (const line of linesOf('ingest-1')) line.cut();
    await eventually(
      'the newcomer is let in',
      () => send('/fenced.mp3', 1, 2).catch(() => undefined),
      15_000,
    );
    for (const listener of audience) {
      await eventually('it hears the newcomer', () => listener.heardOf(2) > 50);
    }
    const heard = audience.map((listener) => listener.heardOf(1));
    for (const line of linesOf('ingest-1')) line.heal();
    await eventually('the one that was cut off lets its source go', () => cutOff.socket.destroyed, 20_000);
    await hearsOn(audience, 100);
    for (const [i, listener] of audience.entries()) {
      assert.equal(listener.heardOf(1), heard[i], 'nothing more of the fenced source');
      listener.assertClean('a listener');
    }
  });
});
