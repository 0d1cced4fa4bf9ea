/** An edge is killed under a client that knows its place: it goes on at the other edge as if nothing had been. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { countingFormats } from '../support/counting-frames.ts';
import { readCountingFrames } from '../support/counting-reader.ts';
import { CountingSource } from '../support/counting-source.ts';
import { ResumingClient } from '../support/resuming-client.ts';
import { Fleet } from './fleet.ts';

const skip = missingProgram('nats-server', 'redis-server');

describe('a client that resumes', { skip, timeout: 120_000 }, () => {
  let fleet: Fleet;
  before(async () => {
    fleet = await Fleet.start({ ingests: 1, edges: 3, control: false });
  });
  after(() => fleet?.stop());

  for (const [victim, icy] of [
    [0, false],
    [1, true],
  ] as const) {
    test(`${icy ? 'with titles ' : ''}loses and repeats no frame when its edge is killed`, async () => {
      const mount = `/resume-${victim}.mp3`;
      const format = countingFormats.mp3At128;
      const source = await CountingSource.start({ port: fleet.ingests[0]!.httpPort, mount, format });
      const addresses = [fleet.edges[victim]!, fleet.edges[2]!].map(({ httpPort: port }) => ({
        host: '127.0.0.1',
        port,
      }));
      const client = new ResumingClient({ addresses, path: mount, icy });
      try {
        await client.hear(60_000);
        fleet.edges[victim]!.process.kill('SIGKILL');
        await client.hear(110_000);
        assert.ok(client.connections.length >= 2, 'it had to connect again');
        assert.deepEqual(
          client.connections.slice(1).map(({ resumed }) => resumed),
          client.connections.slice(1).map(() => 'exact'),
        );
        const { gaps, doubled, tornBytes, count } = readCountingFrames(client.audio, format);
        assert.deepEqual({ gaps, doubled, tornBytes }, { gaps: [], doubled: 0, tornBytes: 0 });
        assert.ok(count > 350);
      } finally {
        client.close();
        source.destroy();
      }
    });
  }
});
