/**
 * `Takeover=standby`: two encoders feed one mount, and when the one on air vanishes, ends
 * or falls silent, listeners hear the other within a second: whole frames, no reconnect.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createSplitter } from '../../services/core/src/codecs/create-splitter.ts';
import type { Codec } from '../../services/core/src/codecs/frame-splitter.ts';
import { missingProgram } from '../programs.mjs';
import { countingFormats, countingFrame } from '../support/counting-frames.ts';
import { CountingReader, readCountingFrames, runsOf } from '../support/counting-reader.ts';
import { CountingSource, type CountingSourceOptions, sourceDialects } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { metricOf, statusOf, statusSources } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';

const format = countingFormats.mp3At128;
/** A second, and what a busy machine may add. */
const longestGapMs = 1_500;

let server: ServerProcess;
let lastId = 0;
const sources: CountingSource[] = [];
const listeners: GapListener[] = [];
const programs: ProgramProcess[] = [];

before(async () => {
  server = await ServerProcess.start({
    ini: '[Streaming]\nLinger=10\nDefaultLatency=1\n[Mount /*]\nTakeover=standby\nSourceTimeout=5\n',
    set: ['server.workerThreads=1'],
  });
});
after(async () => {
  for (const source of sources) source.destroy();
  for (const { client } of listeners) client.close();
  await Promise.all(programs.map((program) => program.stop('SIGKILL')));
  await server?.stop();
});

/** A listener with a watch in the hand. */
class GapListener {
  readonly client: StreamClient;
  longestGapMs = 0;
  #heardMs = performance.now();
  readonly #reader = new CountingReader(format);
  #readBytes = 0;

  private constructor(client: StreamClient) {
    this.client = client;
    client.raw.socket.on('data', () => {
      this.longestGapMs = Math.max(this.longestGapMs, this.silentMs);
      this.#heardMs = performance.now();
    });
  }

  static async open(path: string): Promise<GapListener> {
    const listener = new GapListener(await StreamClient.open({ port: server.httpPort, path }));
    listeners.push(listener);
    return listener;
  }

  get silentMs(): number {
    return performance.now() - this.#heardMs;
  }

  /** Waits until a frame of the source comes that it sends from now on. */
  async hears(source: CountingSource): Promise<void> {
    const from = source.nextNumber + 10;
    await this.client.raw.until(() => {
      const { body } = this.client;
      this.#reader.push(body.subarray(this.#readBytes));
      this.#readBytes = body.byteLength;
      const latest = this.#reader.frames.at(-1);
      return latest?.source === source.id && latest.number >= from;
    });
  }
}

async function connect(mount: string, more: Partial<CountingSourceOptions> = {}): Promise<CountingSource> {
  lastId += 1;
  const options = { port: server.httpPort, mount, id: lastId, headStartMs: 500, ...more };
  const source = await CountingSource.start(options);
  sources.push(source);
  return source;
}

const logged = (event: string, mount: string, count = 1) =>
  eventually(`${event} is logged ${count} times for ${mount}`, () => {
    return server.lines.filter((line) => line.event === event && line['mount'] === mount).length >= count;
  });

/** Two encoders on one mount, the second waiting, and a listener of the first. */
async function pair(mount: string, dialect?: CountingSourceOptions['dialect']) {
  const more = dialect ? { dialect } : {};
  const first = await connect(mount, more);
  await logged('source.connected', mount);
  const second = await connect(mount, more);
  await logged('source.standby', mount);
  const listener = await GapListener.open(mount);
  await listener.hears(first);
  listener.longestGapMs = 0;
  return { first, second, listener };
}

function assertHeard({ client }: GapListener, inOrder: readonly CountingSource[]): void {
  const { frames, strayBytes, doubled } = readCountingFrames(client.body, format);
  const runs = runsOf(frames);
  assert.equal(strayBytes, 0, `stray bytes among ${runs.join(', ')}`);
  assert.equal(doubled, 0);
  assert.deepEqual(
    runs.map((run) => Number(run.split(':')[0])),
    inOrder.map(({ id }) => id),
    runs.join(', '),
  );
  assert.equal(client.raw.isClosed, false);
}

describe('the encoder on air', { concurrency: true }, () => {
  const failures: Record<string, (source: CountingSource) => void> = {
    'is switched off': (source) => void source.end(),
    vanishes: (source) => source.socket.resetAndDestroy(),
    'falls silent': (source) => source.pause(),
  };
  for (const [what, fail] of Object.entries(failures)) {
    for (const dialect of sourceDialects) {
      test(`${what}: the other one is heard within a second (${dialect})`, async (t) => {
        const mount = `/${what.replaceAll(' ', '-')}/${sourceDialects.indexOf(dialect)}`;
        const { first, second, listener } = await pair(mount, dialect);
        fail(first);
        await listener.hears(second);
        t.diagnostic(`${Math.round(listener.longestGapMs)} ms without audio`);
        assert.ok(listener.longestGapMs <= longestGapMs, `${listener.longestGapMs} ms without audio`);
        assertHeard(listener, [first, second]);
      });
    }
  }

  test('sends half a frame and falls silent: nobody hears it, and it waits for the next failure', async () => {
    const mount = '/there-and-back';
    const { first, second, listener } = await pair(mount);
    first.pause();
    const half = countingFrame(first.nextNumber, format, first.id);
    first.client.write(half.subarray(0, 150));
    await listener.hears(second);
    first.client.write(half.subarray(150));
    first.nextNumber += 1;
    first.resume();
    await logged('source.standby', mount, 2);
    await listener.hears(second);
    second.pause();
    await listener.hears(first);
    assert.ok(listener.longestGapMs <= longestGapMs, `${listener.longestGapMs} ms without audio`);
    assertHeard(listener, [first, second, first]);
  });

  test('is ended by an operator: listeners stay for the other one', async () => {
    const mount = '/killed';
    const { first, second, listener } = await pair(mount);
    assert.equal((await server.admin(`/admin/killsource?mount=${mount}`)).status, 200);
    await first.closed;
    await listener.hears(second);
    assert.ok(listener.longestGapMs <= longestGapMs, `${listener.longestGapMs} ms without audio`);
    assertHeard(listener, [first, second]);
  });

  test('goes on in spite of one that waits with another codec, which is sent away', async () => {
    const mount = '/codec';
    const first = await connect(mount);
    const listener = await GapListener.open(mount);
    const other = await connect(mount, { format: countingFormats.largeAac, dialect: 'PUT+Expect' });
    await other.client.untilText('HTTP/1.1 415 Unsupported Media Type\r\n');
    await other.client.untilText('\r\n\r\nanother codec is on air\r\n');
    await other.closed;
    const refused = await server.waitFor('source.refused', 5_000, (line) => line['mount'] === mount);
    assert.equal(refused['reason'], 'sends aac, and mp3 is on air');
    await listener.hears(first);
    assertHeard(listener, [first]);
  });
});

test('four may wait, the fifth is told that the mount is in use', async () => {
  const mount = '/full';
  const first = await connect(mount);
  await logged('source.connected', mount);
  const before = await metricOf(server, 'legacystream_ingest_sources_standby');
  const waiting = [];
  for (let i = 0; i < 4; i += 1) waiting.push(await connect(mount));
  await logged('source.standby', mount, 4);
  await assert.rejects(connect(mount), /403/);
  assert.equal(await metricOf(server, 'legacystream_ingest_sources_standby'), before + 4);
  assert.ok((await statusSources(server)).has(mount));
  for (const source of waiting.slice(1)) source.destroy();
  await logged('standby.disconnected', mount, 3);
  first.destroy();
  await statusOf(server, mount);
  await logged('source.connected', mount, 2);
  assert.ok((await metricOf(server, 'legacystream_ingest_standby_switches_total', 'cause="free"')) >= 1);
});

test('a title of the source on air stays when the other goes on, until that has one of its own', async () => {
  const mount = '/titles';
  const { first, second, listener } = await pair(mount);
  const query = new URLSearchParams({ mode: 'updinfo', mount, song: 'Before' });
  assert.equal((await server.admin(`/admin/metadata?${query}`)).status, 200);
  first.destroy();
  await listener.hears(second);
  await statusOf(server, mount, ({ title }) => title === 'Before');
  query.set('song', 'After');
  assert.equal((await server.admin(`/admin/metadata?${query}`)).status, 200);
  await statusOf(server, mount, ({ title }) => title === 'After');
});

describe('two ffmpegs', { concurrency: true, skip: missingProgram('ffmpeg') }, () => {
  const encoders: Record<string, { args: readonly string[]; codec: Codec; marker: string }> = {
    mp3: {
      args: ['-c:a', 'libmp3lame', '-b:a', '128k', '-f', 'mp3', '-content_type', 'audio/mpeg'],
      codec: 'mp3',
      marker: '',
    },
    vorbis: {
      args: ['-c:a', 'libvorbis', '-f', 'ogg', '-content_type', 'application/ogg'],
      codec: 'ogg',
      marker: '\x01vorbis',
    },
    flac: {
      args: ['-c:a', 'flac', '-f', 'flac', '-content_type', 'audio/flac'],
      codec: 'flac',
      marker: 'fLaC',
    },
  };

  function encode(mount: string, args: readonly string[]): ProgramProcess {
    const tone = ['-re', '-f', 'lavfi', '-i', 'anoisesrc=amplitude=0.3', '-ac', '2', '-t', '60'];
    const url = `icecast://source:${sourcePassword}@127.0.0.1:${server.httpPort}${mount}`;
    const program = new ProgramProcess('ffmpeg', [
      ...['-hide_banner', '-loglevel', 'error'],
      ...tone,
      ...args,
      url,
    ]);
    programs.push(program);
    return program;
  }

  const cases = [
    ['mp3', 'SIGKILL'],
    ['mp3', 'SIGSTOP'],
    ['vorbis', 'SIGKILL'],
    ['vorbis', 'SIGSTOP'],
    ['flac', 'SIGKILL'],
  ] as const;
  for (const [name, signal] of cases) {
    test(`${name}: the first gets ${signal}, the second is heard within a second`, async (t) => {
      const { args, codec, marker } = encoders[name]!;
      const mount = `/ffmpeg/${name}-${signal}`;
      const first = encode(mount, args);
      await logged('source.connected', mount);
      const second = encode(mount, args);
      await logged('source.standby', mount);
      const listener = await GapListener.open(mount);
      // As long as any rhythm of theirs may take to show itself.
      await eventually('the first has been heard for a while', () => listener.client.elapsedMs > 3_000);
      const usualGapMs = Math.round(listener.longestGapMs);
      listener.longestGapMs = 0;
      first.process.kill(signal);
      await logged('source.connected', mount, 2);
      const before = listener.client.body.byteLength;
      await listener.client.receive(before + 8_000);
      t.diagnostic(`${Math.round(listener.longestGapMs)} ms without audio, ${usualGapMs} before`);
      assert.ok(
        listener.longestGapMs <= Math.max(longestGapMs, usualGapMs + 1_000),
        `${listener.longestGapMs} ms without audio, ${usualGapMs} before`,
      );
      assert.equal(listener.client.raw.isClosed, false);
      const splitter = createSplitter(codec);
      splitter.push(listener.client.body);
      assert.equal(splitter.stats.skippedBytes, 0);
      assert.equal(splitter.stats.resyncs, 0);
      const parts = listener.client.body.toString('latin1').split(marker);
      assert.ok(marker === '' || parts.length === 3, `${parts.length - 1} sets of headers`);
      assert.ok(second.isRunning, second.output);
      assert.equal(
        server.lines.filter((line) => line['mount'] === mount && line.event === 'source.connected').length,
        2,
      );
    });
  }
});
