import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  disagreements,
  followingMsn,
  type MediaPlaylist,
  readMediaPlaylist,
} from '../../../../test/support/hls/playlist-reader.ts';
import {
  applyDelta,
  checkPlaylist,
  checkSame,
  checkSuccession,
} from '../../../../test/support/hls/playlist-rules.ts';
import {
  applyChange,
  durationOf,
  type HlsChange,
  type HlsWindow,
  nextMsn,
  type SegmentStart,
} from './hls-window.ts';
import { hintedPart, liveEnd, renderMediaPlaylist, skippableSegments } from './media-playlist.ts';

const baseMs = Date.UTC(2026, 0, 1);
const inits = ['init-0123456789abcdef.mp4', 'init-fedcba9876543210.mp4'] as const;

const empty = (over: Partial<HlsWindow> = {}): HlsWindow => ({
  container: 'fmp4',
  extension: 'm4s',
  codecs: 'Opus',
  targetDurationS: 4,
  partTargetS: 1,
  windowS: 40,
  epoch: 37,
  revision: 0,
  firstMsn: 1000,
  discontinuitySequence: 7,
  segments: [],
  open: undefined,
  titles: [],
  ...over,
});

/** What a packager does, in steps. */
type Step =
  | { type: 'segment'; frameTicks: number; ms: number; driftMs: number }
  | { type: 'gap' }
  | { type: 'break'; init: 0 | 1 }
  | { type: 'title'; text: string };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('segment' as const),
      frameTicks: fc.constantFrom(960, 1024, 2880),
      ms: fc.integer({ min: 3500, max: 4400 }),
      driftMs: fc.integer({ min: -20, max: 20 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'gap' as const }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('break' as const), init: fc.constantFrom(0, 1) }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('title' as const), text: fc.string({ unit: 'binary' }) }),
  },
);

/** Every window that the steps lead to, one after each change. */
function windowsOf(list: readonly Step[], first: HlsWindow): readonly HlsWindow[] {
  const windows: HlsWindow[] = [];
  let window = first;
  let pdtMs = baseMs;
  let isBroken = false;
  let init = 0;
  let titles = 0;
  const change = (next: HlsChange) => {
    window = applyChange(window, next);
    windows.push(window);
  };
  for (const step of list) {
    const isFmp4 = window.container === 'fmp4';
    const begin = (): SegmentStart => ({
      epoch: window.epoch,
      pdtMs,
      discontinuity: isBroken,
      init: isFmp4 ? inits[init]! : '',
    });
    if (step.type === 'segment') {
      const frameS = step.frameTicks / 48_000;
      const partFrames = Math.floor(1 / frameS);
      let leftFrames = Math.ceil(step.ms / 1000 / frameS);
      pdtMs += step.driftMs;
      const start = begin();
      isBroken = false;
      for (let isFirst = true; leftFrames > 0; isFirst = false) {
        const frames = Math.min(partFrames, leftFrames);
        leftFrames -= frames;
        change({ type: 'part', part: { durationS: frames * frameS, bytes: 100 }, ...(isFirst && { start }) });
      }
      pdtMs += durationOf(window.open!.parts) * 1000;
      change({ type: 'segment' });
    } else if (step.type === 'gap') {
      change({ type: 'gap', start: { ...begin(), discontinuity: true, init: '' }, durationS: 4 });
      pdtMs += 4000;
      isBroken = true;
    } else if (step.type === 'break') {
      isBroken = true;
      init = step.init;
    } else {
      titles += 1;
      const title = {
        id: `t-${titles}`,
        startMs: pdtMs + titles,
        title: step.text,
        artist: step.text,
        url: '',
      };
      change({ type: 'title', title });
    }
  }
  return windows;
}

const runs = fc.tuple(
  fc.array(steps, { minLength: 1, maxLength: 40, size: 'max' }),
  fc.constantFrom<Partial<HlsWindow>>(
    {},
    { partTargetS: 0 },
    { container: 'packed', extension: 'aac', partTargetS: 0 },
  ),
);
const siblings = [{ uri: '../b/live.m3u8', lastMsn: 1003, lastPart: 2 }];

test('whatever is packaged, each playlist keeps the rules and follows the one before', () => {
  fc.assert(
    fc.property(runs, ([list, over]) => {
      let before: MediaPlaylist | undefined;
      for (const window of windowsOf(list, empty(over))) {
        const text = renderMediaPlaylist(window, window.partTargetS > 0 ? { siblings } : {});
        const playlist = readMediaPlaylist(text);
        assert.deepEqual(checkPlaylist(playlist), [], text);
        assert.deepEqual(disagreements(text, playlist), []);
        if (before) assert.deepEqual(checkSuccession(before, playlist, 1), [], text);
        before = playlist;
      }
    }),
    { numRuns: 12 },
  );
});

test('a delta, merged into what the client had, is the full playlist', () => {
  let merges = 0;
  fc.assert(
    fc.property(runs, fc.nat(), ([list, over], pick) => {
      const windows = windowsOf(list, empty(over));
      if (windows.length === 0) return;
      const window = windows.at(-1 - (pick % Math.min(windows.length, 12)))!;
      const last = windows.at(-1)!;
      // Clients ask for a delta only while their copy is younger than half of the boundary.
      const known = nextMsn(window) - last.firstMsn;
      if (known < 0 || durationOf(last.segments.slice(known)) > 12) return;
      const delta = readMediaPlaylist(renderMediaPlaylist(last, { skip: true }));
      const full = readMediaPlaylist(renderMediaPlaylist(last));
      assert.equal(delta.skippedSegments ?? 0, skippableSegments(last));
      if (delta.skippedSegments === undefined) return assert.deepEqual(checkSame(delta, full), []);
      assert.deepEqual(checkPlaylist(delta, { askedToSkip: true }), []);
      assert.deepEqual(
        checkSame(applyDelta(readMediaPlaylist(renderMediaPlaylist(window)), delta), full),
        [],
      );
      merges += 1;
    }),
    { numRuns: 150 },
  );
  assert.ok(merges > 20, `${merges} deltas were merged`);
});

test('nothing is skipped that is nearer to the end than the boundary, nor of a mount that is over', () => {
  const step: Step = { type: 'segment', frameTicks: 960, ms: 4000, driftMs: 0 };
  const of = (count: number) =>
    windowsOf(
      Array.from({ length: count }, () => step),
      empty(),
    ).at(-1)!;
  assert.equal(skippableSegments(of(6)), 0);
  assert.equal(skippableSegments(of(10)), 3);
  assert.equal(skippableSegments({ ...of(10), isOver: true }), 0);
  assert.doesNotMatch(renderMediaPlaylist(of(6), { skip: true }), /SKIP:|VERSION:9/);
});

test('the text depends on what is in the window alone', () => {
  const step: Step = { type: 'segment', frameTicks: 1024, ms: 4000, driftMs: 0 };
  const window = windowsOf([step, { type: 'title', text: 'x' }, step], empty()).at(-1)!;
  const copy = JSON.parse(JSON.stringify(window)) as HlsWindow;
  assert.equal(renderMediaPlaylist(window), renderMediaPlaylist(copy));
  assert.equal(renderMediaPlaylist(window), renderMediaPlaylist({ ...window, revision: 99 }));
});

test('no title can end its quotes, its line or the playlist', () => {
  const hostile = 'a"b\r\n#EXT-X-ENDLIST\n\u2028c\u0000\u0085\u0080\u009f\u007f,X="y"\ud800';
  const window = windowsOf(
    [
      { type: 'segment', frameTicks: 960, ms: 4000, driftMs: 0 },
      { type: 'title', text: hostile },
    ],
    empty(),
  ).at(-1)!;
  const text = Buffer.from(
    renderMediaPlaylist({ ...window, titles: [{ ...window.titles[0]!, url: hostile }] }),
  );
  const [title] = readMediaPlaylist(text.toString().replaceAll('\ufffd', '?')).dateRanges;
  assert.deepEqual([...title!.attributes.keys()].slice(-3), ['X-TITLE', 'X-ARTIST', 'X-URL']);
  assert.equal(readMediaPlaylist(text.toString().replaceAll('\ufffd', '?')).isEnded, false);
});

test('a title waits for a date to stand beside', () => {
  const window = applyChange(empty(), {
    type: 'title',
    title: { id: 'a', startMs: baseMs, title: 'x', artist: '', url: '' },
  });
  const playlist = readMediaPlaylist(renderMediaPlaylist(window));
  assert.deepEqual(playlist.dateRanges, []);
  const start = { epoch: 37, pdtMs: baseMs, discontinuity: false, init: inits[0] };
  const begun = applyChange(window, { type: 'part', part: { durationS: 1, bytes: 1 }, start });
  assert.equal(readMediaPlaylist(renderMediaPlaylist(begun)).dateRanges.length, 1);
  assert.equal(readMediaPlaylist(renderMediaPlaylist({ ...begun, partTargetS: 0 })).dateRanges.length, 0);
});

test('the live end and the hint are what a blocking client may ask for next', () => {
  fc.assert(
    fc.property(runs, ([list, over]) => {
      for (const window of windowsOf(list, empty(over))) {
        const playlist = readMediaPlaylist(renderMediaPlaylist(window));
        const { msn, part } = liveEnd(window);
        const parts = playlist.open?.parts ?? playlist.segments.at(-1)?.parts ?? [];
        assert.equal(msn, playlist.open?.msn ?? followingMsn(playlist) - 1);
        assert.equal(part, parts.length - 1);
        assert.equal(playlist.preloadHints[0]?.uri, window.partTargetS > 0 ? hintedPart(window) : undefined);
      }
    }),
    { numRuns: 30 },
  );
});

test('a mount that is over says so, and hints at nothing', () => {
  const window = windowsOf([{ type: 'segment', frameTicks: 960, ms: 4000, driftMs: 0 }], empty()).at(-1)!;
  const playlist = readMediaPlaylist(renderMediaPlaylist({ ...window, isOver: true }));
  assert.equal(playlist.isEnded, true);
  assert.deepEqual(checkPlaylist(playlist), []);
});

test('the hint goes on under the number of the session that has begun the segment', () => {
  const start = { epoch: 36, pdtMs: baseMs, discontinuity: false, init: inits[0] };
  const window = applyChange(empty(), { type: 'part', part: { durationS: 1, bytes: 1 }, start });
  assert.equal(hintedPart(window), '10-1000.1.m4s');
  assert.equal(hintedPart(applyChange(window, { type: 'segment' })), '11-1001.0.m4s');
  assert.equal(nextMsn(window), 1000);
});
