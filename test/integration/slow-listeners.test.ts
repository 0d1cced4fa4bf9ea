/**
 * Listeners that take less than they are given: frozen ones cost nobody anything and are
 * cut, slow ones are moved to live between two frames, their ICY byte count kept right.
 * The audio is 768 kB a second, so that the kernel's buffers are full soon.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { countingFormats } from '../support/counting-frames.ts';
import { type CountingReader, readCountingFrames } from '../support/counting-reader.ts';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { readIcyBody, titlesOf } from '../support/icy-body.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { metricOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';

const format = countingFormats.largeAac;
const frozenCount = 25;
const mount = '/fast.aac';
/** More than the buffers of a connection on one machine hold. */
const unreadBytes = 10_000_000;
/** Sent at once, so that those buffers fill soon; not so much that it alone makes a listener slow. */
const aheadFrames = 400;
const sampleMs = 250;

let server: ServerProcess;
let source: CountingSource;
let healthy: StreamClient;
let slow: StreamClient;
let slowIcy: StreamClient;
let joinedAt = 0;
let residentBefore = 0;
let healthySamples: NodeJS.Timeout | undefined;
const healthyBytes: number[] = [];
const frozen: StreamClient[] = [];

async function join(headers: readonly string[] = []): Promise<StreamClient> {
  const client = await StreamClient.open({ port: server.httpPort, path: mount, headers });
  assert.equal((await client.head()).status, 200);
  return client;
}

const resident = () => metricOf(server, 'process_resident_memory_bytes');

/** Waits until much more has been sent than a client that stopped at `joinedAt` can have been given. */
const untilFarBehind = () =>
  eventually(
    'slow listeners are far behind',
    () => (source.nextNumber - joinedAt) * format.frameBytes > unreadBytes,
    30_000,
  );

/** Reads on until a stretch of frames after the gap has come. */
async function readPastGap(client: StreamClient, heardOf: () => CountingReader): Promise<void> {
  client.raw.socket.resume();
  await eventually(
    'it is past the gap',
    () => {
      const { gaps, last = 0 } = heardOf();
      const gap = gaps.at(-1);
      return gap !== undefined && last > gap.next + 40;
    },
    25_000,
  );
  client.close();
}

before(async () => {
  // What HLS keeps of so large a stream would hide what listeners take.
  server = await ServerProcess.start({ ini: '[Limits]\nMaxListenerQueue=4000000\n[Hls]\nEnabled=false' });
  source = await CountingSource.start({ port: server.httpPort, mount, password: sourcePassword, format });
  await server.admin(`/admin/metadata?mode=updinfo&mount=${mount}&song=Before`);
  const titledAt = source.nextNumber;
  await eventually('the burst has the title', () => source.nextNumber > titledAt + 20);
  healthy = await join();
  slow = await join();
  slowIcy = await join(['Icy-MetaData: 1']);
  for (let i = 0; i < frozenCount; i += 1) frozen.push(await join());
  for (const client of [slow, slowIcy, ...frozen]) client.raw.socket.pause();
  residentBefore = await resident();
  joinedAt = source.nextNumber;
  source.sendAhead(aheadFrames);
  healthySamples = setInterval(() => healthyBytes.push(healthy.raw.byteCount), sampleMs);
});

after(async () => {
  clearInterval(healthySamples);
  for (const client of [healthy, slow, slowIcy, ...frozen]) client.close();
  source.destroy();
  await server.stop();
});

describe('on a mount with frozen listeners', { concurrency: true }, () => {
  test('a slow one is moved to live between two frames', async () => {
    await untilFarBehind();
    await readPastGap(slow, () => readCountingFrames(slow.body, format));
    const { gaps, tornBytes, zeroBytes } = readCountingFrames(slow.body, format);
    assert.deepEqual({ tornBytes, zeroBytes }, { tornBytes: 0, zeroBytes: 0 });
    for (const { after, next } of gaps) assert.ok(next > after, `${after} to ${next}: never back`);
  });

  test('a slow one with titles too, and its byte count stays right', async () => {
    await untilFarBehind();
    await server.admin(`/admin/metadata?mode=updinfo&mount=${mount}&song=After`);
    const metaint = Number((await slowIcy.head()).headers.get('icy-metaint'));
    const read = () => readIcyBody(slowIcy.body, metaint);
    await readPastGap(slowIcy, () => readCountingFrames(read().audio, format));
    const { audio, blocks } = read();
    const { gaps, tornBytes } = readCountingFrames(audio, format);
    assert.equal(tornBytes, 0, 'no torn frame, and no metadata taken for audio');
    for (const { after, next } of gaps) assert.ok(next > after, `${after} to ${next}: never back`);
    const titles = titlesOf(blocks);
    assert.ok(titles.includes('Before'));
    assert.equal(titles.at(-1), 'After');
  });

  test('the frozen ones are cut, the others hear everything in time, and memory stays bounded', async () => {
    await eventually(
      'every frozen listener is cut',
      async () => (await metricOf(server, 'legacystream_edge_listener_cuts_total')) >= frozenCount,
      50_000,
    );
    const last = source.nextNumber;
    const stats = await (await server.admin(`/admin/stats?mount=${mount}`)).text();
    assert.match(stats, new RegExp(`<slow_listeners>${frozenCount}</slow_listeners>`));
    const grownMb = ((await resident()) - residentBefore) / 1e6;
    assert.ok(grownMb < 120, `the server grew by ${grownMb} MB`);

    const { gaps, last: heard = 0, tornBytes } = readCountingFrames(healthy.body, format);
    assert.equal(tornBytes, 0);
    assert.deepEqual(gaps, []);
    const behindMs = (last - heard) * format.frameMs;
    assert.ok(behindMs < 3_000, `${behindMs} ms behind the source`);
    let longest = 0;
    let same = 0;
    for (const [i, bytes] of healthyBytes.entries()) {
      same = bytes === healthyBytes[i - 1] ? same + 1 : 0;
      longest = Math.max(longest, same);
    }
    assert.ok(longest * sampleMs <= 2_000, `nothing came for ${longest * sampleMs} ms`);
  });
});
