/**
 * Who may send to a mount, and what its listeners hear when that changes: the takeover
 * policies, ghosts, time limits, sources that come back, and sources that race for a mount.
 * Every frame says who sent it, so a single byte of the wrong source would be seen.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { countingFormats, countingFrame } from '../support/counting-frames.ts';
import { readCountingFrames, runsOf } from '../support/counting-reader.ts';
import { CountingSource, type CountingSourceOptions, sourceDialects } from '../support/counting-source.ts';
import { readIcyBody, titlesOf } from '../support/icy-body.ts';
import { ServerProcess } from '../support/server-process.ts';
import { statusOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';

const format = countingFormats.mp3At128;
const lingerSeconds = 3;
const refusal = /^(?:HTTP\/1\.1 403 Forbidden\r\n[\s\S]*\r\n\r\n)?Mountpoint in use\r\n$/;

let server: ServerProcess;
let lastId = 0;
const sources: CountingSource[] = [];
const listeners: StreamClient[] = [];

before(async () => {
  server = await ServerProcess.start({
    ini: `
[Streaming]
Linger=${lingerSeconds}
[Mount /replace/*]
Takeover=replace
[Mount /reject/*]
Takeover=reject
SourceTimeout=3
[Mount /timeout]
SourceTimeout=1
[Mount /race/*]
Linger=30
[Mount /replace-race/*]
Takeover=replace
`,
  });
});
after(async () => {
  for (const source of sources) source.destroy();
  for (const listener of listeners) listener.close();
  await server?.stop();
});

type Sending = Omit<CountingSourceOptions, 'port' | 'id' | 'mount'>;

async function ask(mount: string, sending: Sending = {}): Promise<CountingSource> {
  lastId += 1;
  const source = await CountingSource.ask({
    port: server.httpPort,
    mount,
    id: lastId,
    dialect: 'SOURCE',
    ...sending,
  });
  sources.push(source);
  return source;
}

/** A source on air, in real time from now on. */
async function goOnAir(mount: string, sending: Sending = {}): Promise<CountingSource> {
  const source = await ask(mount, sending);
  assert.ok(await source.admitted(), source.client.text);
  source.resume(500);
  return source;
}

async function expectRefused(source: CountingSource): Promise<void> {
  assert.match((await source.client.closed()).toString('latin1'), refusal);
}

async function listen(path: string, headers: readonly string[] = []): Promise<StreamClient> {
  const listener = await StreamClient.open({ port: server.httpPort, path, headers });
  listeners.push(listener);
  return listener;
}

/** Waits until the listener has heard frames of this source, at least to that number. */
async function hears(listener: StreamClient, source: CountingSource, number: number): Promise<void> {
  const wanted = countingFrame(number, format, source.id);
  await listener.raw.until((bytes) => bytes.includes(wanted));
}

/** What the listener heard is whole frames of these sources, each without a gap, in this order. */
function assertHeard(listener: StreamClient, inOrder: readonly CountingSource[], from = 0): void {
  const { frames, strayBytes } = readCountingFrames(listener.body, format);
  const runs = runsOf(frames);
  assert.equal(strayBytes, 0, `stray bytes among ${runs.join(', ')}`);
  assert.deepEqual(
    runs.map((run) => run.split(': ')[0]),
    inOrder.map(({ id }) => `${id}`),
    runs.join(', '),
  );
  runs.forEach((run, i) => {
    assert.ok(run.includes(`: ${i === 0 ? from : 0}-`), `begins at its first frame: ${run}`);
  });
}

const disconnected = (mount: string, reason: string) =>
  server.waitFor(
    'source.disconnected',
    15_000,
    (line) => line['mount'] === mount && line['reason'] === reason,
  );

describe('policies', { concurrency: true }, () => {
  test('auto: a source that delivers stays, whoever else comes in whatever dialect', async () => {
    const mount = '/auto/busy';
    const first = await goOnAir(mount);
    const listener = await listen(mount);
    for (const dialect of sourceDialects) await expectRefused(await ask(mount, { dialect, eagerFrames: 20 }));
    await hears(listener, first, first.nextNumber + 20);
    assertHeard(listener, [first]);
  });

  for (const dialect of sourceDialects) {
    test(`auto: a ghost that was silent for two seconds makes way at once for ${dialect}, listeners stay`, async () => {
      const mount = `/auto/ghost/${sourceDialects.indexOf(dialect)}`;
      const ghost = await goOnAir(mount);
      const listener = await listen(mount);
      await hears(listener, ghost, 20);
      ghost.pause();
      // Half a frame is the last that the ghost says: nobody may hear it.
      ghost.client.write(
        countingFrame(ghost.nextNumber, format, ghost.id).subarray(0, format.frameBytes / 2),
      );
      const silentSinceMs = performance.now();
      let newcomer = await ask(mount, { dialect });
      while (!(await newcomer.admitted())) {
        await expectRefused(newcomer);
        assert.ok(performance.now() - silentSinceMs < 5000, 'the ghost stays for ever');
        newcomer = await ask(mount, { dialect });
      }
      const tookMs = performance.now() - silentSinceMs;
      assert.ok(tookMs >= 1950, `replaced after ${tookMs} ms of silence`);
      assert.ok(tookMs < 3500, `replaced after ${tookMs} ms of silence`);
      newcomer.resume(500);
      await ghost.client.closed();
      await hears(listener, newcomer, 40);
      assertHeard(listener, [ghost, newcomer]);
    });
  }

  test('replace: the newcomer has the mount at once, and the next one waits its turn', async () => {
    const mount = '/replace/live';
    const first = await goOnAir(mount);
    const listener = await listen(mount);
    await hears(listener, first, 20);
    const second = await ask(mount, { dialect: 'PUT', eagerFrames: 30 });
    assert.ok(await second.admitted());
    second.resume(500);
    await first.client.closed();
    await disconnected(mount, 'taken-over');
    for (const dialect of sourceDialects) await expectRefused(await ask(mount, { dialect, eagerFrames: 20 }));
    await hears(listener, second, 60);
    assertHeard(listener, [first, second]);
  });

  test('reject: even a silent source stays until its time is up', async () => {
    const mount = '/reject/live';
    const first = await goOnAir(mount);
    const listener = await listen(mount);
    await hears(listener, first, 20);
    first.pause();
    const silentSinceMs = performance.now();
    let newcomer = await ask(mount);
    while (!(await newcomer.admitted())) {
      await expectRefused(newcomer);
      assert.ok(performance.now() - silentSinceMs < 10_000, 'the silent source stays for ever');
      newcomer = await ask(mount);
    }
    assert.ok(performance.now() - silentSinceMs >= 2950, 'the limit is three seconds');
    await disconnected(mount, 'timeout');
    newcomer.resume(500);
    await hears(listener, newcomer, 20);
    assertHeard(listener, [first, newcomer]);
  });

  test('a silent source is closed when its time is up, and its mount waits for it', async () => {
    const mount = '/timeout';
    const source = await goOnAir(mount);
    const listener = await listen(mount);
    await hears(listener, source, 20);
    source.pause();
    const silentSinceMs = performance.now();
    await source.client.closed();
    const tookMs = performance.now() - silentSinceMs;
    assert.ok(tookMs >= 950 && tookMs < 4000, `closed after ${tookMs} ms`);
    await disconnected(mount, 'timeout');
    assert.equal(listener.raw.isClosed, false);
    const again = await goOnAir(mount, { dialect: 'PUT+Expect' });
    await hears(listener, again, 20);
    assertHeard(listener, [source, again]);
  });
});

describe('coming back', { concurrency: true }, () => {
  test('a source that drops and comes back keeps its listeners, who hear whole frames only', async () => {
    const mount = '/back';
    const inOrder: CountingSource[] = [];
    let listener: StreamClient | undefined;
    for (const [i, dialect] of sourceDialects.entries()) {
      const source = await goOnAir(mount, { dialect });
      inOrder.push(source);
      listener ??= await listen(mount);
      await hears(listener, source, 30);
      source.pause();
      source.client.write(countingFrame(source.nextNumber, format, source.id).subarray(0, 100 + i));
      if (i % 2 === 0) void source.end();
      else source.client.socket.resetAndDestroy();
      await server.waitFor('source.disconnected', 10_000, () => disconnectsOf(mount) > i);
    }
    assertHeard(listener!, inOrder);

    const droppedMs = performance.now();
    await listener!.raw.closed(lingerSeconds * 1000 + 5000);
    const keptMs = performance.now() - droppedMs;
    assert.ok(keptMs > lingerSeconds * 1000 - 500, `listeners were kept for ${keptMs} ms`);
    assertHeard(listener!, inOrder);
    const late = StreamClient.send({ port: server.httpPort, path: mount });
    assert.equal((await late.head()).status, 404);
    late.close();
  });

  const disconnectsOf = (mount: string): number =>
    server.lines.filter((line) => line.event === 'source.disconnected' && line['mount'] === mount).length;

  test('the title stays over a reconnect, for those on air and for newcomers', async () => {
    const mount = '/titled';
    const title = 'Ännchen - Vor und nach dem Abriss';
    const first = await goOnAir(mount);
    const icy = ['Icy-MetaData: 1'];
    const listener = await listen(mount, icy);
    const query = new URLSearchParams({ mode: 'updinfo', mount, song: title, charset: 'UTF-8' });
    assert.equal((await server.admin(`/admin/metadata?${query}`)).status, 200);
    void first.end();
    await disconnected(mount, 'closed');
    const second = await goOnAir(mount);
    await statusOf(server, mount, (status) => status['title'] === title);

    const metaint = Number((await listener.head()).headers.get('icy-metaint'));
    const newcomer = await listen(mount, icy);
    for (const one of [listener, newcomer]) {
      await hears(one, second, 80);
      await one.receive(metaint + 256);
      const { blocks } = readIcyBody(one.body, metaint);
      assert.equal(titlesOf(blocks).at(-1), title);
    }
  });

  test('a source that an operator ends takes its listeners with it at once', async () => {
    const mount = '/killed';
    const source = await goOnAir(mount);
    const listener = await listen(mount);
    await hears(listener, source, 20);
    assert.equal((await server.admin(`/admin/killsource?mount=${mount}`)).status, 200);
    await source.client.closed();
    await listener.raw.closed();
    assertHeard(listener, [source]);
  });
});

describe('races', () => {
  const mounts = 16;
  const rounds = 6;
  const maxApartMs = 25;
  const eagerFrames = 25;
  const moreFrames = 60;

  /** The same every time, so that a failure can be looked at again. */
  function createChance(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 8) % below;
    };
  }

  const later = (ms: number): Promise<void> =>
    ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));

  /** Two sources that ask within moments of each other, both sending before they are let in. @returns the winner */
  async function race(mount: string, chance: (below: number) => number): Promise<CountingSource> {
    const rivals = await Promise.all(
      // Half of them start in the same instant, or nearly so.
      [0, chance(chance(2) === 0 ? 3 : maxApartMs + 1)].map(async (ms) => {
        const dialect = sourceDialects[chance(sourceDialects.length)]!;
        await later(ms);
        const rival = await ask(mount, { dialect, eagerFrames });
        return { rival, isIn: await rival.admitted() };
      }),
    );
    const said = rivals.map(({ rival }) => `${rival.dialect}: ${rival.client.text}`).join(' | ');
    const winners = rivals.filter(({ isIn }) => isIn);
    assert.equal(winners.length, 1, `one of two has ${mount}: ${said}`);
    for (const { rival, isIn } of rivals) if (!isIn) await expectRefused(rival);
    return winners[0]!.rival;
  }

  test(`two sources within ${maxApartMs} ms, ${mounts * rounds} times: one has the mount, nothing of the other is heard`, async () => {
    const runOne = async (_: unknown, index: number): Promise<void> => {
      const mount = `/race/${index}`;
      const chance = createChance(index + 1);
      const winners: CountingSource[] = [];
      let listener: StreamClient | undefined;
      for (let round = 0; round < rounds; round++) {
        const winner = await race(mount, chance);
        winners.push(winner);
        winner.sendAhead(moreFrames);
        listener ??= await listen(mount);
        await hears(listener, winner, eagerFrames + moreFrames - 1);
        void winner.end();
        await winner.client.closed();
      }
      assertHeard(listener!, winners);
      const { frames } = readCountingFrames(listener!.body, format);
      assert.equal(frames.length, rounds * (eagerFrames + moreFrames));
    };
    await Promise.all(Array.from({ length: mounts }, runOne));
  });

  for (const [what, folder] of [
    ['a ghost', '/ghost-race'],
    ['a source that may be replaced', '/replace-race'],
  ] as const) {
    test(`two sources race for the mount of ${what}: one has it, listeners hear the old one and the winner`, async () => {
      const runOne = async (_: unknown, index: number): Promise<void> => {
        const mount = `${folder}/${index}`;
        const old = await goOnAir(mount);
        const listener = await listen(mount);
        await hears(listener, old, 20);
        if (folder === '/ghost-race') {
          old.pause();
          // Two seconds of silence are what makes it a ghost.
          await later(2100);
        }
        const winner = await race(mount, createChance(1000 + index));
        winner.sendAhead(moreFrames);
        await old.client.closed();
        await hears(listener, winner, eagerFrames + moreFrames - 1);
        assertHeard(listener, [old, winner]);
      };
      await Promise.all(Array.from({ length: 8 }, runOne));
    });
  }
});
