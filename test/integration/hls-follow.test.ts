/** Packagers and edges on memory adapters: every edge has the same window and the same bytes, whatever is lost. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { renderMediaPlaylist } from '@legacystream/core/hls/media-playlist.ts';
import { segmentName } from '@legacystream/core/hls/resource-name.ts';
import fc from 'fast-check';
import { HlsStage, type StageEdge } from '../fixtures/hls-stage.ts';

/** What a client gets of an edge: the playlist, and all that it lists. */
async function everythingOf({ feed }: StageEdge): Promise<{ playlist: string; files: Map<string, string> }> {
  const window = feed.window!;
  const files = new Map<string, string>();
  for (const [i, { epoch, gap }] of window.segments.entries()) {
    if (gap) continue;
    const name = segmentName(epoch, window.firstMsn + i, window.extension);
    const data = feed.find(name) ?? (await feed.read(name));
    assert.ok(data, `${name} is there`);
    // Of megabytes that differ no report could be made.
    files.set(name, hash('sha1', data));
  }
  return { playlist: renderMediaPlaylist(window), files };
}

async function assertAlike(stage: HlsStage): Promise<void> {
  const [first, ...others] = await Promise.all(stage.edges.map(everythingOf));
  for (const other of others) assert.deepEqual(other, first);
  assert.equal(first!.playlist, renderMediaPlaylist(stage.output!.window!), 'and it is the packager’s');
}

test('an edge that was there and one that comes later answer the same', async () => {
  const stage = new HlsStage();
  stage.follow();
  stage.connect('aac');
  stage.title('one');
  await stage.run(3_200);
  stage.title('two');
  await stage.run(4_000);
  stage.follow();
  await stage.run(300);
  await assertAlike(stage);
  await stage.close();
});

test('a source that comes back goes on in the same numbers, after a discontinuity', async () => {
  const stage = new HlsStage();
  const { feed } = stage.follow();
  stage.connect('mp3');
  await stage.run(3_500);
  const before = feed.window!;
  stage.output!.end(10_000);
  // Before the first gap.
  await stage.run(300, false);
  stage.connect('mp3');
  await stage.run(2_500);
  const after = feed.window!;
  assert.equal(after.firstMsn, before.firstMsn, 'nothing has left');
  assert.equal(
    after.segments.length,
    before.segments.length + 3,
    'the unfinished one became one, and two came',
  );
  assert.deepEqual(
    after.segments.map(({ discontinuity }) => discontinuity),
    [false, false, false, false, true, false],
  );
  await assertAlike(stage);
  await stage.close();
});

test('a pod that died leaves its parts, and the next one makes the segment of them', async () => {
  const stage = new HlsStage();
  const { feed } = stage.follow();
  stage.connect('aac', 0);
  await stage.run(2_700);
  const { open } = feed.window!;
  assert.ok(open!.parts.length >= 2);
  const msn = feed.window!.firstMsn + feed.window!.segments.length;
  // Nobody ends it: the process is gone.
  stage.connect('aac', 1);
  await stage.run(1_500);
  const window = feed.window!;
  const completed = window.segments[msn - window.firstMsn]!;
  assert.deepEqual(completed.parts, open!.parts, 'what players were told of stays as it was');
  assert.equal(completed.partEpoch, open!.epoch);
  assert.ok(!completed.gap);
  assert.ok(window.segments.at(-1)!.discontinuity);
  stage.follow();
  await stage.run(300);
  await assertAlike(stage);
  await stage.close();
});

test('edges that follow need no store', async () => {
  const stage = new HlsStage();
  stage.follow();
  stage.follow();
  stage.connect('aac');
  await stage.run(2_000);
  stage.isStoreAway = true;
  await stage.run(20_000);
  await assertAlike(stage);
  // The source comes back to the same pod meanwhile.
  stage.output!.end(10_000);
  await stage.run(500, false);
  const before = stage.edges[0]!.feed.window!;
  stage.connect('aac');
  await stage.run(3_000);
  const after = stage.edges[0]!.feed.window!;
  assert.equal(after.firstMsn + after.segments.length - 3, before.firstMsn + before.segments.length);
  await assertAlike(stage);
  await stage.close();
});

test('a source that comes to another pod while the store is away goes on from what edges were told', async () => {
  const stage = new HlsStage();
  const { feed } = stage.follow();
  stage.follow();
  stage.connect('aac', 0);
  await stage.run(60_000);
  stage.isStoreAway = true;
  await stage.run(5_600);
  const before = feed.window!;
  assert.ok(before.open);
  stage.connect('aac', 1);
  await stage.run(2_300);
  const after = feed.window!;
  const next = before.firstMsn + before.segments.length;
  assert.ok(after.firstMsn < next, 'what was listed still is');
  const [completed, first] = after.segments.slice(next - after.firstMsn);
  assert.ok(completed!.gap, 'its parts are nowhere but on edges');
  assert.ok(first!.discontinuity);
  await assertAlike(stage);
  await stage.close();
});

test('when all is forgotten the numbers still do not go back', async () => {
  const stage = new HlsStage();
  const { feed } = stage.follow();
  stage.connect('aac', 0);
  await stage.run(60_000);
  const before = feed.window!;
  stage.isStoreAway = true;
  stage.edges[0]!.loses = () => true;
  stage.connect('aac', 1);
  await stage.run(3_000);
  stage.edges[0]!.loses = () => false;
  await stage.run(2_000);
  const after = stage.output!.window!;
  assert.ok(after.firstMsn >= before.firstMsn + before.segments.length);
  assert.ok(after.discontinuitySequence >= before.discontinuitySequence);
  await stage.close();
});

test('a packager whose line to the store is slow gives no number to whoever comes after it', async () => {
  // Told after 150 ms, stored much later: what comes next reads a store that knows less than players do.
  for (const lagMs of [100, 200, 400, 1_100]) {
    for (let awayMs = 0; awayMs <= 700; awayMs += 100) {
      const stage = new HlsStage();
      stage.storeLagMs[0] = lagMs;
      const { feed } = stage.follow();
      const given = new Map<number, string>();
      const problems: string[] = [];
      const note = () => {
        const { window } = feed;
        for (const [i, { epoch, gap }] of (window?.segments ?? []).entries()) {
          const msn = window!.firstMsn + i;
          const name = gap ? 'a gap' : segmentName(epoch, msn, window!.extension);
          const known = given.get(msn);
          if (known !== undefined && known !== name) problems.push(`${msn} is ${name}, was ${known}`);
          given.set(msn, name);
        }
        return false;
      };
      void feed.until(note, 3_600_000);
      stage.connect('mp3', 0);
      await stage.run(6_000);
      stage.output!.end(10_000);
      await stage.run(awayMs, false);
      stage.connect('mp3', 1);
      await stage.run(3_000);
      const last = feed.window!;
      assert.deepEqual(problems, [], `${lagMs} ms to the store, away for ${awayMs} ms`);
      assert.ok(last.segments.length >= 5, 'the list goes on');
      stage.follow();
      await stage.run(300);
      assert.equal(renderMediaPlaylist(stage.edges[1]!.feed.window!), renderMediaPlaylist(feed.window!));
      await stage.close();
    }
  }
});

test('while nobody sends, time is stood for by gaps, and audio goes on after them', async () => {
  const stage = new HlsStage();
  const { feed } = stage.follow();
  stage.connect('aac');
  await stage.run(3_000);
  stage.output!.end(15_000);
  await stage.run(5_000, false);
  const gaps = feed.window!.segments.filter(({ gap }) => gap).length;
  assert.ok(gaps >= 8 && gaps <= 10, `${gaps} gaps of half a segment`);
  stage.connect('aac');
  await stage.run(2_200);
  assert.ok(feed.window!.segments.at(-1)!.gap === undefined);
  await assertAlike(stage);
  await stage.close();
});

test('another codec begins a list of its own, further on', async () => {
  const stage = new HlsStage();
  const { feed } = stage.follow();
  stage.connect('mp3');
  await stage.run(3_000);
  const before = feed.window!;
  stage.output!.end(10_000);
  stage.connect('aac');
  await stage.run(2_000);
  const after = feed.window!;
  assert.equal(after.extension, 'm4s');
  assert.ok(after.firstMsn >= before.firstMsn + before.segments.length);
  await assertAlike(stage);
  await stage.close();
});

test('whatever is lost on the way and whenever the store is away, in the end all edges are alike', async () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('run' as const), ms: fc.integer({ min: 50, max: 3_000 }) }),
    fc.record({
      type: fc.constant('lose' as const),
      edge: fc.nat({ max: 2 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    fc.record({ type: fc.constant('store' as const), isAway: fc.boolean() }),
    fc.record({ type: fc.constant('title' as const), text: fc.string({ maxLength: 20 }) }),
    fc.record({
      type: fc.constant('end' as const),
      awayMs: fc.integer({ min: 0, max: 3_000 }),
      pod: fc.nat({ max: 1 }),
    }),
    fc.record({ type: fc.constant('die' as const), pod: fc.nat({ max: 1 }) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 12 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      async (steps, chances) => {
        const stage = new HlsStage();
        for (let i = 0; i < 3; i += 1) stage.follow();
        stage.connect('aac');
        await stage.run(1_000);
        let highest = 0;
        for (const one of steps) {
          if (one.type === 'run') await stage.run(one.ms);
          else if (one.type === 'store') stage.isStoreAway = one.isAway;
          else if (one.type === 'title') stage.title(one.text);
          else if (one.type === 'lose')
            stage.edges[one.edge]!.loses = () => (chances.next().value ?? 0) < one.share;
          else {
            // With the store away as well nobody knows the numbers: they follow the clock, and only about.
            if (one.type === 'end' || stage.isStoreAway) {
              stage.output!.end(10_000);
              await stage.run(one.type === 'end' ? one.awayMs : 0, false);
            }
            stage.connect('aac', one.pod);
          }
          for (const { feed } of stage.edges) {
            const window = feed.window;
            if (window) highest = Math.max(highest, window.firstMsn);
          }
        }
        await stage.settle();
        await assertAlike(stage);
        for (const { feed } of stage.edges)
          assert.ok(feed.window!.firstMsn >= highest, 'numbers never go back');
        await stage.close();
      },
    ),
    { numRuns: 60 },
  );
});
