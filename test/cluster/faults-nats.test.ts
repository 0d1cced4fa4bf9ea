/** NATS is lost, one server or all of them: what ingest received reaches every listener once. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingProgram } from '../programs.mjs';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import type { NatsServer } from '../support/nats-server.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { metricOf } from '../support/server-views.ts';
import { Fleet } from './fleet.ts';
import { FleetListener } from './fleet-listener.ts';

const skip = missingProgram('nats-server', 'redis-server');
const mount = '/live.mp3';
/** What the loss of one server may cost, and the delivery period. */
const pauseMs = 2_000 + 500;
const outageMs = 30_000;

describe('a fleet whose NATS is lost', { skip, timeout: 240_000 }, () => {
  let fleet: Fleet;
  let source: CountingSource;
  let audience: FleetListener[] = [];

  before(async () => {
    fleet = await Fleet.start({ nats: 3, ingests: 1, edges: 2, control: false });
    source = await CountingSource.start({ port: fleet.ingests[0]!.httpPort, mount });
    audience = await Promise.all(fleet.edges.map((edge) => FleetListener.open(edge, mount)));
    await hears(100);
  });
  after(async () => {
    for (const listener of audience) listener.close();
    source?.destroy();
    await fleet?.stop();
  });

  /** Waits until everybody has heard so many frames more. */
  async function hears(frames: number, timeoutMs = 20_000): Promise<void> {
    const goals = audience.map((listener) => listener.read().count + frames);
    await eventually(
      `everybody hears ${frames} frames more`,
      () => audience.every((listener, i) => listener.read().count >= goals[i]!),
      timeoutMs,
    );
  }

  /** Everything up to now has arrived, once, and nobody waited long. */
  async function assertHeard(say: (line: string) => void): Promise<void> {
    await hears(150);
    for (const listener of audience) {
      listener.assertWhole('a listener');
      const silenceMs = Math.max(listener.silenceMs, listener.silentForMs);
      say(`longest silence ${Math.round(silenceMs)} ms`);
      assert.ok(silenceMs <= pauseMs, `a silence of ${silenceMs} ms`);
      listener.mark();
    }
  }

  test('the server that the ingest is connected to is killed', async (t) => {
    const victim = serverOf(fleet, fleet.ingests[0]!);
    for (const listener of audience) listener.mark();
    await victim.kill();
    await assertHeard((line) => t.diagnostic(line));
    await victim.restart();
  });

  test('the server that an edge is connected to is killed', async (t) => {
    const victim = serverOf(fleet, fleet.edges[0]!);
    for (const listener of audience) listener.mark();
    await victim.kill();
    await assertHeard((line) => t.diagnostic(line));
    await victim.restart();
  });

  test('a server says that it will go, and goes', async (t) => {
    const victim = serverOf(fleet, fleet.ingests[0]!);
    for (const listener of audience) listener.mark();
    victim.lameDuck();
    await assertHeard((line) => t.diagnostic(line));
    await victim.end();
    await victim.restart();
  });

  test('all servers are restarted, one after the other', async (t) => {
    for (const listener of audience) listener.mark();
    for (const server of fleet.nats) {
      await server.end();
      await hears(20);
      await server.restart();
      await hears(20);
    }
    await assertHeard((line) => t.diagnostic(line));
  });

  test(`all are gone for ${outageMs / 1000} s: servers stay, the last audio is sent again, the rest is told`, async (t) => {
    await hears(10);
    await Promise.all(fleet.nats.map((server) => server.kill()));
    await sleep(outageMs);
    for (const server of fleet.servers) {
      const health = await fetch(`http://127.0.0.1:${server.telemetryPort}/readyz`);
      assert.equal(health.status, 200, 'it stays ready');
    }
    assert.ok(audience.every(({ isConnected }) => isConnected));
    await Promise.all(fleet.nats.map((server) => server.restart()));
    await hears(400, 30_000);
    const lost = await Promise.all(
      fleet.edges.map((edge) => metricOf(edge, 'legacystream_edge_messages_lost_total')),
    );
    for (const [i, listener] of audience.entries()) {
      listener.assertClean('a listener');
      const { gaps } = listener.read();
      assert.equal(gaps.length, 1, 'one piece is missing');
      const missing = gaps[0]!.next - gaps[0]!.after - 1;
      const missingMs = missing * 24;
      t.diagnostic(`missing ${missing} frames (${missingMs} ms), told as ${lost[i]} messages`);
      assert.ok(missingMs < outageMs - 8_000, 'what the ring had was sent again');
      assert.ok(lost[i]! > 0, 'and the loss was told');
    }
  });
});

/** The NATS server that a process of the fleet is connected to now, by its log. */
function serverOf(fleet: Fleet, process: ServerProcess): NatsServer {
  const line = process.lines.findLast(({ event }) => event === 'bus.connected');
  const server = fleet.nats.find(({ address }) => address === line?.['server']);
  assert.ok(server, `${String(line?.['server'])} is one of ours`);
  return server;
}
