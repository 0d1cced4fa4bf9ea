/** HLS from a cluster is one: every edge says the same, whatever comes, goes and is lost. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingProgram } from '../programs.mjs';
import { AlternatingProxy } from '../support/alternating-proxy.ts';
import { type CountingFormat, countingFormats } from '../support/counting-frames.ts';
import type { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { followingMsn, readMediaPlaylist } from '../support/hls/playlist-reader.ts';
import { askEdge, comeOnAir, HlsWatcher, watchedAac } from '../support/hls-cluster.ts';
import { HlsBrowser } from '../support/hls-page.ts';
import { encodeProgramme, encodings, PacedSource } from '../support/paced-source.ts';
import { RedisServer } from '../support/redis-server.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { Fleet } from './fleet.ts';

const skip = missingProgram('nats-server', 'redis-server');
const windowS = 8;
/** How long a real player goes on, most of it after it lost the ingest. */
const playerS = 60;
const ini = [
  `[Hls]\nSegmentDuration=1\nWindow=${windowS}\nPartDuration=0.25\nCounting=off`,
  '[Mount /replaced.aac]\nTakeover=replace',
  '[Mount /replaced.mp3]\nTakeover=replace',
].join('\n');
const kinds: readonly (readonly [string, CountingFormat])[] = [
  ['aac', watchedAac],
  ['mp3', countingFormats.mp3At128],
];

describe('HLS of a fleet', { skip, timeout: 240_000 }, () => {
  let fleet: Fleet;
  /** Edges that are asked from the beginning. */
  let pair: readonly ServerProcess[];
  const closers: (() => unknown)[] = [];

  before(async () => {
    fleet = await Fleet.start({ ingests: 5, edges: 3, control: false, ini });
    pair = fleet.edges.slice(0, 2);
  });
  after(async () => {
    await Promise.all(closers.map((close) => close()));
    await fleet?.stop();
  });

  async function watch(mount: string): Promise<HlsWatcher> {
    const watcher = await new HlsWatcher(pair, mount, windowS).start();
    closers.push(() => watcher.stop());
    return watcher;
  }

  function keep(source: CountingSource): CountingSource {
    closers.push(() => source.destroy());
    return source;
  }

  async function assertAlike(watcher: HlsWatcher, say: (line: string) => void): Promise<void> {
    await watcher.stop();
    assert.deepEqual(watcher.problems, []);
    assert.ok(watcher.agreements > 10, `${watcher.agreements} answers were compared`);
    say(
      `${watcher.agreements} answers compared, ${watcher.discontinuities} discontinuities, ${watcher.gaps} gaps`,
    );
  }

  describe('whose sources and servers come and go', { concurrency: true }, () => {
    for (const [extension, format] of kinds) {
      test(`${extension}: sources leave, come back to another ingest, and replace each other`, async (t) => {
        const mount = `/replaced.${extension}`;
        const [one, two] = fleet.ingests;
        let id = 1;
        let source = keep(await comeOnAir(one!, mount, format, id, 1_000));
        const watcher = await watch(mount);
        await watcher.advance(2);
        for (const awayMs of [200, 2_100, 2_750, 3_300]) {
          await source.end();
          await sleep(awayMs);
          id += 1;
          source = keep(await comeOnAir(id % 2 === 0 ? two! : one!, mount, format, id));
          await watcher.advance(2);
        }
        const late = fleet.edges[2]!;
        watcher.add(late);
        await watcher.advance(1);
        // Nobody has left: the newcomer is let in all the same.
        id += 1;
        keep(await comeOnAir(id % 2 === 0 ? two! : one!, mount, format, id));
        await watcher.advance(3);
        await assertAlike(watcher, (line) => t.diagnostic(line));
        assert.equal(new Set(watcher.frames().map(({ source: from }) => from)).size, id);
      });
    }

    test('the ingest that has the source is killed', async (t) => {
      const [one, , victim] = fleet.ingests;
      const sources: CountingSource[] = [];
      const watchers: HlsWatcher[] = [];
      for (const [extension, format] of kinds)
        sources.push(keep(await comeOnAir(victim!, `/killed.${extension}`, format, 1, 1_000)));
      for (const [extension] of kinds) watchers.push(await watch(`/killed.${extension}`));
      await Promise.all(watchers.map((watcher) => watcher.advance(3)));
      victim!.process.kill('SIGKILL');
      await Promise.all(sources.map(({ closed }) => closed));
      for (const [extension, format] of kinds) keep(await comeOnAir(one!, `/killed.${extension}`, format, 2));
      await Promise.all(watchers.map((watcher) => watcher.advance(4)));
      for (const watcher of watchers) {
        await assertAlike(watcher, (line) => t.diagnostic(line));
        assert.equal(watcher.discontinuities, 1);
      }
    });

    test('the ingest that has the source freezes, another takes over, and it wakes', async (t) => {
      const [, two, , victim] = fleet.ingests;
      const sources: CountingSource[] = [];
      const watchers: HlsWatcher[] = [];
      for (const [extension, format] of kinds)
        sources.push(keep(await comeOnAir(victim!, `/frozen.${extension}`, format, 1, 1_000)));
      for (const [extension] of kinds) watchers.push(await watch(`/frozen.${extension}`));
      await Promise.all(watchers.map((watcher) => watcher.advance(2)));
      victim!.process.kill('SIGSTOP');
      const unheard = sources.map(({ nextNumber }) => nextNumber + 1);
      for (const [extension, format] of kinds) keep(await comeOnAir(two!, `/frozen.${extension}`, format, 2));
      await Promise.all(watchers.map((watcher) => watcher.advance(2)));
      victim!.process.kill('SIGCONT');
      // Only when it has said what it had to say, one comes who knows nothing.
      await Promise.all(sources.map(({ closed }) => closed));
      for (const watcher of watchers) watcher.add(fleet.edges[2]!);
      await Promise.all(watchers.map((watcher) => watcher.advance(4)));
      for (const [i, watcher] of watchers.entries()) {
        await assertAlike(watcher, (line) => t.diagnostic(line));
        assert.equal(watcher.discontinuities, 1);
        const said = watcher
          .allFrames()
          .filter(({ source, number }) => source === 1 && number >= unheard[i]!);
        assert.deepEqual(said, [], 'nothing that it said after waking');
      }
    });

    test('hls.js, whose requests go to all edges in turn, plays on when the ingest is killed', {
      skip: missingProgram('chromium', 'ffmpeg'),
    }, async (t) => {
      const mount = '/player.aac';
      const [one] = fleet.ingests;
      const victim = fleet.ingests[4]!;
      const programme = await encodeProgramme(encodings.aac, 100);
      const source = await PacedSource.start(victim.httpPort, mount, programme);
      closers.push(() => source.stop());
      const turns = await AlternatingProxy.start(pair);
      closers.push(() => turns.close());
      const browser = await HlsBrowser.start();
      closers.push(() => browser.close());
      await watch(mount);
      const player = await browser.listen(`${turns.url}${mount}/playlist.m3u8`);
      const at = () => player.position();
      await eventually('it plays', async () => (await at()) > 8, 30_000);
      victim.process.kill('SIGKILL');
      const killedAt = await at();
      const second = await eventually('the encoder is back', () =>
        PacedSource.start(one!.httpPort, mount, programme, source.atS).catch(() => undefined),
      );
      closers.push(() => second.stop());
      await eventually('it has played on', async () => (await at()) > playerS, 2 * playerS * 1000);
      assert.ok(killedAt < playerS / 2);
      const { events } = await player.record();
      const fatal = events.filter(({ fatal: isFatal }) => isFatal);
      assert.deepEqual(fatal, []);
      const troubles = events.filter(({ name }) => name === 'hls error');
      t.diagnostic(
        `${Math.round(await at())} s; ${troubles.map(({ details }) => details).join(' ') || 'no trouble'}`,
      );
      t.diagnostic(`requests by edge: ${turns.counts.join(', ')}`);
    });

    test('a client whose every request goes to the other edge is never refused nor led back', async (t) => {
      const mount = '/robin.aac';
      keep(await comeOnAir(fleet.ingests[0]!, mount, watchedAac, 1, 1_000));
      for (const edge of pair) {
        await eventually(
          'it is listed',
          async () => (await askEdge(edge, `${mount}/hls/source/live.m3u8`)).status === 200,
        );
      }
      const refused: string[] = [];
      let query = '';
      let end = 0;
      let hint: string | undefined;
      const fetched = new Set<string>();
      for (let turn = 0; turn < 60; turn += 1) {
        const [edge, other] = turn % 2 === 0 ? [pair[0]!, pair[1]!] : [pair[1]!, pair[0]!];
        const [reply, hinted] = await Promise.all([
          askEdge(edge, `${mount}/hls/source/live.m3u8${query}`),
          hint === undefined ? undefined : askEdge(other, `${mount}/hls/source/${hint}`),
        ]);
        if (hinted && hinted.status !== 200)
          refused.push(`turn ${turn}: ${hinted.status} for the hint ${hint}`);
        if (reply.status !== 200) {
          refused.push(`turn ${turn}: ${reply.status} for ${query}`);
          continue;
        }
        const playlist = readMediaPlaylist(reply.body.toString());
        const part = playlist.open?.parts.length ?? 0;
        const reached = followingMsn(playlist) * 1000 + part;
        if (reached <= end) refused.push(`turn ${turn}: ${reached} after ${end}`);
        end = reached;
        query = `?_HLS_msn=${followingMsn(playlist)}&_HLS_part=${part}`;
        hint = playlist.preloadHints[0]?.uri;
        // What has just been listed here is asked for there.
        const newest = [playlist.segments.at(-1)?.uri, playlist.open?.parts.at(-1)?.uri];
        for (const uri of newest) {
          if (uri === undefined || fetched.has(uri)) continue;
          fetched.add(uri);
          const { status } = await askEdge(other, `${mount}/hls/source/${uri}`);
          if (status !== 200) refused.push(`turn ${turn}: ${status} for ${uri}`);
        }
      }
      assert.deepEqual(refused, []);
      t.diagnostic(`${fetched.size} segments and parts were asked for where they were not listed yet`);
    });
  });

  test('without its store for 20 s, edges that follow list and serve on, and a new one can when it is back', async (t) => {
    const redis = fleet.redis as RedisServer;
    assert.ok(redis instanceof RedisServer);
    for (const [extension, format] of kinds)
      keep(await comeOnAir(fleet.ingests[0]!, `/stored.${extension}`, format, 1, 1_000));
    const watchers = await Promise.all(kinds.map(([extension]) => watch(`/stored.${extension}`)));
    await Promise.all(watchers.map((watcher) => watcher.advance(windowS)));
    for (const watcher of watchers) watcher.mark();
    redis.freeze();
    await sleep(20_000);
    redis.thaw();
    await Promise.all(watchers.map((watcher) => watcher.advance(2)));
    t.diagnostic(
      `longest pause ${watchers.map(({ longestPauseMs }) => Math.round(longestPauseMs)).join(', ')} ms`,
    );
    for (const watcher of watchers) watcher.add(fleet.edges[2]!);
    await Promise.all(watchers.map((watcher) => watcher.advance(2)));
    for (const watcher of watchers) await assertAlike(watcher, (line) => t.diagnostic(line));
    // Asked four times a second, one pause may seem longer by so much.
    assert.ok(watchers[0]!.longestPauseMs < 1_000 + 250);
    assert.ok(watchers[1]!.longestPauseMs < 2_000 + 250, 'without parts there is a segment a second');
  });

  test('without the bus for 5 s, the edges stand still, and are alike again when it is back', async (t) => {
    for (const [extension, format] of kinds)
      keep(await comeOnAir(fleet.ingests[0]!, `/cut.${extension}`, format, 1, 1_000));
    const watchers = await Promise.all(kinds.map(([extension]) => watch(`/cut.${extension}`)));
    await Promise.all(watchers.map((watcher) => watcher.advance(2)));
    const [nats] = fleet.nats;
    await nats!.kill();
    await sleep(5_000);
    await nats!.restart();
    await Promise.all(watchers.map((watcher) => watcher.advance(4)));
    for (const watcher of watchers) await assertAlike(watcher, (line) => t.diagnostic(line));
  });

  test('an edge is killed: the other one, and a new one, answer to the same names', async (t) => {
    const watchers: HlsWatcher[] = [];
    for (const [extension, format] of kinds) {
      keep(await comeOnAir(fleet.ingests[0]!, `/edge.${extension}`, format, 1, 1_000));
      watchers.push(await watch(`/edge.${extension}`));
    }
    await Promise.all(watchers.map((watcher) => watcher.advance(2)));
    const [, victim] = pair;
    for (const watcher of watchers) watcher.remove(victim!);
    victim!.process.kill('SIGKILL');
    const fresh = await fleet.startEdge();
    for (const watcher of watchers) watcher.add(fresh);
    await Promise.all(watchers.map((watcher) => watcher.advance(3)));
    for (const watcher of watchers) await assertAlike(watcher, (line) => t.diagnostic(line));
  });
});
