/** An edge is lost, or control: the others go on, and counts are soon right. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { statusSources } from '../support/server-views.ts';
import { Fleet } from './fleet.ts';
import { FleetListener } from './fleet-listener.ts';

const skip = missingProgram('nats-server', 'redis-server');
const mount = '/live.mp3';
const rightWithinMs = 15_000;

describe('a fleet that loses an edge and its control', { skip, timeout: 120_000 }, () => {
  let fleet: Fleet;
  let source: CountingSource;
  let audience: FleetListener[] = [];

  before(async () => {
    fleet = await Fleet.start({ ingests: 1, edges: 3, setFor: { 'edge-3': ['edge.drainTime=3'] } });
    source = await CountingSource.start({ port: fleet.ingests[0]!.httpPort, mount });
    audience = await Promise.all(fleet.edges.map((edge) => FleetListener.open(edge, mount)));
    await eventually('everybody hears', () => audience.every((listener) => listener.read().count > 50));
  });
  after(async () => {
    for (const listener of audience) listener.close();
    source?.destroy();
    await fleet?.stop();
  });

  const counted = (count: number) =>
    eventually(
      `the other servers count ${count} listeners`,
      async () => {
        const alive = fleet.servers.filter(
          ({ process: child }) => child.exitCode === null && !child.signalCode,
        );
        const shown = await Promise.all(
          alive.map(async (server) => (await statusSources(server)).get(mount)),
        );
        return shown.every((view) => view?.['listeners'] === count);
      },
      rightWithinMs,
    );

  test('control is killed: audio, logins, titles and pages go on', async () => {
    await fleet.control!.kill();
    const edge = fleet.edges[0]!;
    const title = await edge.admin(`/admin/metadata?mode=updinfo&mount=${mount}&song=Without%20control`);
    assert.equal(title.status, 200);
    await eventually(
      'it is shown',
      async () => (await statusSources(edge)).get(mount)?.['title'] === 'Without control',
    );
    const other = await CountingSource.start({ port: fleet.ingests[0]!.httpPort, mount: '/other.mp3' });
    other.destroy();
    for (const listener of audience) listener.assertWhole('a listener');
  });

  test('an edge is killed: the others notice nothing, and counts are right', async (t) => {
    await counted(3);
    const killedMs = performance.now();
    await fleet.edges[0]!.kill();
    await eventually('its listener is gone', () => !audience[0]!.isConnected);
    await counted(2);
    t.diagnostic(`counts right after ${Math.round(performance.now() - killedMs)} ms`);
    const goals = audience.map((listener) => listener.read().count + 50);
    await eventually('the others hear on', () =>
      audience.slice(1).every((listener, i) => listener.read().count > goals[i + 1]!),
    );
    for (const listener of audience.slice(1)) listener.assertWhole('a listener of another edge');
  });

  test('an edge that is told to go is closed to newcomers at once, and sends its listeners away within its time', async () => {
    const edge = fleet.edges[2]!;
    const crowd = await Promise.all(Array.from({ length: 20 }, () => FleetListener.open(edge, mount)));
    edge.process.kill('SIGTERM');
    await eventually('load balancers are told', async () => {
      const health = await fetch(`http://127.0.0.1:${edge.telemetryPort}/lbz`);
      return health.status === 503;
    });
    const ready = await fetch(`http://127.0.0.1:${edge.telemetryPort}/readyz`);
    assert.equal(ready.status, 200);
    assert.ok(crowd.filter(({ isConnected }) => isConnected).length > 5, 'not all at once');
    await eventually('everybody is gone', () => crowd.every(({ isConnected }) => !isConnected));
    for (const listener of crowd) {
      const heard = listener.read();
      assert.deepEqual([heard.tornBytes, heard.gaps], [0, []], 'its last frame is whole');
      listener.close();
    }
    await eventually('the edge has ended', () => edge.process.exitCode === 0);
    await counted(1);
  });

  test('a drain that the administrator began can be stopped', async () => {
    const edge = fleet.edges[1]!;
    const ask = (method: string) =>
      fetch(`http://127.0.0.1:${edge.telemetryPort}/drain`, {
        method,
        headers: { authorization: `Basic ${Buffer.from('admin:admin-Pw-77').toString('base64')}` },
      });
    assert.equal((await ask('POST')).status, 200);
    await eventually('load balancers are told', async () => {
      const health = await fetch(`http://127.0.0.1:${edge.telemetryPort}/lbz`);
      return health.status === 503;
    });
    assert.equal((await ask('DELETE')).status, 200);
    const health = await fetch(`http://127.0.0.1:${edge.telemetryPort}/lbz`);
    assert.equal(health.status, 200);
    const listener = await FleetListener.open(edge, mount);
    await eventually('it hears', () => listener.read().count > 50);
    listener.close();
  });
});
