/** One public address is enough: encoders of every dialect, listeners and operators at an edge. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { CountingSource, sourceDialects } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { metricOf } from '../support/server-views.ts';
import { Fleet } from './fleet.ts';
import { FleetListener } from './fleet-listener.ts';

const skip = missingProgram('nats-server', 'redis-server');

describe('an edge as the only address', { skip, timeout: 120_000 }, () => {
  let fleet: Fleet;

  before(async () => {
    fleet = await Fleet.start({ ingests: 2, edges: 2 });
  });
  after(() => fleet?.stop());

  for (const [i, dialect] of sourceDialects.entries()) {
    test(`a source by ${dialect} is heard on both edges`, async () => {
      const [edge] = fleet.edges;
      const isShoutcast = dialect === 'SHOUTcast v1';
      const mount = isShoutcast ? '/stream' : `/spliced-${i}.mp3`;
      const port = isShoutcast ? edge!.shoutcastPort : edge!.httpPort;
      const source = await CountingSource.start({ port, mount, dialect });
      try {
        for (const other of fleet.edges) {
          const listener = await eventually('the mount is known', () =>
            FleetListener.open(other, mount).catch(() => undefined),
          );
          await eventually('it hears', () => listener.read().count > 100);
          listener.assertWhole('a listener');
          listener.close();
        }
      } finally {
        source.destroy();
      }
    });
  }

  test('a wrong password is refused as by the ingest itself', async () => {
    const { httpPort: port } = fleet.edges[1]!;
    await assert.rejects(CountingSource.start({ port, mount: '/no.mp3', password: 'wrong' }), /401/);
    assert.ok((await metricOf(fleet.edges[1]!, 'legacystream_edge_spliced_sources_total')) > 0);
  });

  test('an ingest that freezes loses its sources to the other', async (t) => {
    const { httpPort: port } = fleet.edges[0]!;
    const mount = '/frozen.mp3';
    const source = await CountingSource.start({ port, mount });
    const hasIt = ({ lines }: ServerProcess) =>
      lines.some((line) => line.event === 'source.connected' && line['mount'] === mount);
    const frozen = await eventually('an ingest has it', () => fleet.ingests.find(hasIt));
    frozen.process.kill('SIGSTOP');
    const frozenAtMs = performance.now();
    try {
      await eventually('the encoder is let go', () => source.client.isClosed, 20_000);
      t.diagnostic(`let go after ${Math.round(performance.now() - frozenAtMs)} ms`);
      const heir = await eventually('it is let in', () =>
        CountingSource.start({ port, mount }).catch(() => undefined),
      );
      heir.destroy();
    } finally {
      frozen.process.kill('SIGCONT');
    }
    assert.equal(
      frozen.lines.filter((line) => line.event === 'source.connected' && line['mount'] === mount).length,
      1,
    );
  });

  test('an ingest that is killed gives way to the other', async () => {
    const [ingest] = fleet.ingests;
    ingest!.process.kill('SIGKILL');
    await once(ingest!.process, 'exit');
    const { httpPort: port } = fleet.edges[0]!;
    for (let i = 0; i < 4; i += 1) {
      const source = await CountingSource.start({ port, mount: `/still-${i}.mp3` });
      source.destroy();
    }
  });

  test('control’s pages are control’s', async () => {
    const direct = await fetch(`${fleet.control!.url}/api/v1/none`);
    const proxied = await fetch(`${fleet.edges[0]!.url}/api/v1/none`);
    assert.equal(proxied.status, direct.status);
    fleet.control!.process.kill('SIGKILL');
    const gone = await eventually('control is gone', async () => {
      const answer = await fetch(`${fleet.edges[0]!.url}/api/v1/none`);
      return answer.status >= 500 ? answer : undefined;
    });
    assert.equal(gone.status, 502);
  });
});
