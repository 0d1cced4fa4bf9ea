/** Listeners on every edge are moved to another mount by one demand, whichever pod is asked. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { statusOf } from '../support/server-views.ts';
import { Fleet } from './fleet.ts';
import { FleetListener } from './fleet-listener.ts';

const skip = missingProgram('nats-server', 'redis-server');
const limit = 3;

describe('in a cluster', { skip, timeout: 120_000 }, () => {
  let fleet: Fleet;
  const sources: CountingSource[] = [];
  before(async () => {
    fleet = await Fleet.start({
      ingests: 1,
      edges: 2,
      control: false,
      secured: true,
      ini: `[Mount /small.mp3]\nMaxListeners=${limit}`,
    });
    const port = fleet.ingests[0]!.httpPort;
    for (const [i, mount] of ['/a.mp3', '/b.mp3', '/small.mp3'].entries()) {
      sources.push(await CountingSource.start({ port, mount, id: i + 1 }));
    }
  });
  after(async () => {
    for (const source of sources) source.destroy();
    await fleet?.stop();
  });

  const hear = (listener: FleetListener, source: number) =>
    eventually(`source ${source} is heard`, () => listener.heardOf(source) > 40);

  async function listenAtBoth(path: string, each: number): Promise<FleetListener[]> {
    const listeners: FleetListener[] = [];
    for (const edge of fleet.edges) {
      for (let i = 0; i < each; i += 1) listeners.push(await FleetListener.open(edge, path));
    }
    return listeners;
  }

  test('a demand to the ingest moves the listeners of both edges', async () => {
    const [ingest] = fleet.ingests;
    const listeners = await listenAtBoth('/a.mp3', 2);
    for (const listener of listeners) await hear(listener, 1);
    const response = await ingest!.admin('/admin/moveclients?mount=/a.mp3&destination=/b.mp3');
    assert.match(await response.text(), /<message>Clients moved from \/a.mp3 to \/b.mp3<\/message>/);
    for (const listener of listeners) await hear(listener, 2);
    for (const listener of listeners) {
      listener.assertWhole('moved');
      const order = listener.read().frames.map(({ source }) => source);
      assert.deepEqual(order, order.toSorted(), 'one mount after the other');
    }
    await statusOf(ingest!, '/a.mp3', (source) => source['listeners'] === 0);
    await statusOf(ingest!, '/b.mp3', (source) => source['listeners'] === 4);
    const line = await ingest!.waitFor('listeners.moved');
    assert.deepEqual([line['moved'], line['kept'], line['unanswered']], [4, 0, 0]);
    const back = await fleet.edges[0]!.admin('/admin/moveclients?mount=/b.mp3&destination=/a.mp3');
    assert.match(await back.text(), /<return>1<\/return>/);
    await eventually('they are back', () => listeners.every((l) => l.read().frames.at(-1)?.source === 1));
    for (const listener of listeners) listener.close();
    await statusOf(ingest!, '/a.mp3', (source) => source['listeners'] === 0);
  });

  test('edges together keep to the limit of the mount that listeners are moved to', async () => {
    const [ingest] = fleet.ingests;
    const listeners = await listenAtBoth('/a.mp3', limit);
    for (const listener of listeners) await hear(listener, 1);
    const response = await ingest!.admin('/admin/moveclients?mount=/a.mp3&destination=/small.mp3');
    assert.match(await response.text(), new RegExp(`: ${limit}, not moved: ${limit}<`));
    await statusOf(ingest!, '/small.mp3', (source) => source['listeners'] === limit);
    await statusOf(ingest!, '/a.mp3', (source) => source['listeners'] === limit);
    const movedHeard = () => listeners.filter((listener) => listener.heardOf(3) > 20).length;
    await eventually('those who were moved hear it', () => movedHeard() === limit);
    for (const listener of listeners) listener.assertClean('moved or not');
    for (const listener of listeners) listener.close();
  });
});
