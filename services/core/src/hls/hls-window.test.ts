import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  applyChange,
  durationOf,
  type HlsChange,
  type HlsSegment,
  type HlsWindow,
  nextMsn,
  type SegmentStart,
} from './hls-window.ts';

const empty = (over: Partial<HlsWindow> = {}): HlsWindow => ({
  container: 'fmp4',
  extension: 'm4s',
  codecs: 'Opus',
  targetDurationS: 4,
  partTargetS: 1,
  windowS: 40,
  epoch: 3,
  revision: 0,
  firstMsn: 100,
  discontinuitySequence: 7,
  segments: [],
  open: undefined,
  titles: [],
  ...over,
});

const startAt = (pdtMs: number, discontinuity = false): SegmentStart => ({
  epoch: 3,
  pdtMs,
  discontinuity,
  init: 'init-0123456789abcdef.mp4',
});
const part = (durationS: number, start?: SegmentStart): HlsChange => ({
  type: 'part',
  part: { durationS, bytes: 100 },
  ...(start && { start }),
});
const end: HlsChange = { type: 'segment' };
const apply = (window: HlsWindow, ...changes: readonly HlsChange[]) => changes.reduce(applyChange, window);
const title = (id: string, startMs: number): HlsChange => ({
  type: 'title',
  title: { id, startMs, title: id, artist: '', url: '' },
});
/** So many segments of four parts of a second. */
function fill(window: HlsWindow, count: number, discontinuityAt = -1): HlsWindow {
  let filled = window;
  for (let i = 0; i < count; i += 1) {
    const start = startAt(i * 4000, i === discontinuityAt);
    filled = apply(filled, part(1, start), part(1), part(1), part(1), end);
  }
  return filled;
}

const changes: fc.Arbitrary<HlsChange> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 1000 }), fc.nat(1e6), fc.boolean(), fc.boolean())
      .map(([ms, pdtMs, hasStart, isBroken]) =>
        part(ms / 1000, hasStart ? startAt(pdtMs, isBroken) : undefined),
      ),
  },
  { weight: 3, arbitrary: fc.constant(end) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(1e6), fc.boolean())
      .map(
        ([pdtMs, isBroken]): HlsChange => ({ type: 'gap', start: startAt(pdtMs, isBroken), durationS: 4 }),
      ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat(99), fc.nat(1e6)).map(([id, startMs]) => title(`t-${id}`, startMs)),
  },
);

test('whatever changes come, numbers never go back and what leaves is counted', () => {
  fc.assert(
    fc.property(
      fc.array(changes, { maxLength: 200, size: 'max' }),
      fc.integer({ min: 0, max: 20 }),
      (list, windowS) => {
        let window = empty({ windowS });
        for (const change of list) {
          const before = window;
          window = applyChange(before, change);
          assert.equal(window.revision, before.revision + 1);
          const left = window.firstMsn - before.firstMsn;
          assert.ok(left >= 0, 'media sequence');
          assert.ok(nextMsn(window) >= nextMsn(before), 'next number');
          // A gap ends what was open and follows it at once.
          const all = nextMsn(window) - nextMsn(before);
          assert.ok(all <= (change.type === 'gap' ? 2 : 1), `${all} at once`);
          const leftBroken = before.segments
            .slice(0, left)
            .filter(({ discontinuity }) => discontinuity).length;
          assert.equal(window.discontinuitySequence - before.discontinuitySequence, leftBroken);
          if (left === 0) continue;
          const keptS = durationOf(window.segments);
          assert.ok(keptS >= 12 - 1e-3, `only ${keptS} s are left`);
          const gone = before.segments[left - 1];
          const agoMs = gone ? Math.max(...window.segments.map(endMsOf)) - endMsOf(gone) : 0;
          assert.ok(
            keptS >= windowS - 1e-3 || agoMs >= windowS * 1000,
            `${keptS} s are left, and what ended ${agoMs} ms before is not`,
          );
          assert.ok(window.segments.length >= 3);
        }
        assert.deepEqual(apply(empty({ windowS }), ...list), window, 'the same changes give the same window');
      },
    ),
    { numRuns: 300 },
  );
});

const endMsOf = ({ pdtMs, durationS }: HlsSegment) => pdtMs + durationS * 1000;

test('a source that comes and goes leaves no list that is older than its window', () => {
  let window = empty({ windowS: 40 });
  // A second of audio in five: its list would take ten times as long to fill.
  for (let s = 0; s < 600; s += 5) window = apply(window, part(1, startAt(s * 1000, true)), end);
  const [oldest] = window.segments;
  assert.equal(window.segments.length, 12, 'three target durations, which stay');
  assert.ok(endMsOf(window.segments.at(-1)!) - endMsOf(oldest!) < 60_000);
});

test('what is listed stays as it was, but for its parts', () => {
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 150, size: 'max' }), (list) => {
      let window = empty({ windowS: 12 });
      const known = new Map<number, string>();
      for (const change of list) {
        window = applyChange(window, change);
        window.segments.forEach(({ parts: _, ...segment }, i) => {
          const msn = window.firstMsn + i;
          const text = JSON.stringify(segment);
          assert.equal(known.get(msn) ?? text, text, `segment ${msn}`);
          known.set(msn, text);
        });
      }
    }),
    { numRuns: 100 },
  );
});

test('a change leaves the window that it was made for untouched', () => {
  const window = fill(empty(), 3);
  const before = structuredClone(window);
  apply(window, part(1, startAt(0)), part(1), end, title('a', 1), {
    type: 'gap',
    start: startAt(9),
    durationS: 4,
  });
  assert.deepEqual(window, before);
});

test('a segment is what its parts were', () => {
  const window = apply(empty(), part(0.98, startAt(5000, true)), part(0.5), end);
  assert.equal(window.open, undefined);
  assert.equal(nextMsn(window), 101);
  const [segment] = window.segments;
  assert.deepEqual([segment!.durationS, segment!.bytes, segment!.parts.length], [1.48, 200, 2]);
  assert.deepEqual([segment!.pdtMs, segment!.discontinuity], [5000, true]);
});

test('a change that cannot follow changes nothing', () => {
  const nothing = apply(empty(), end, part(1), end);
  assert.deepEqual(nothing, empty({ revision: 3 }));
  const begun = apply(empty(), part(1, startAt(1)), part(1, startAt(2)));
  assert.equal(begun.open!.pdtMs, 1);
  assert.equal(begun.open!.parts.length, 2);
});

test('a gap ends what was being made and takes a number', () => {
  const window = apply(empty(), part(1, startAt(0)), {
    type: 'gap',
    start: startAt(1000, true),
    durationS: 4,
  });
  assert.equal(window.open, undefined);
  assert.deepEqual(
    window.segments.map(({ gap, durationS, bytes }) => [gap ?? false, durationS, bytes]),
    [
      [false, 1, 100],
      [true, 4, 0],
    ],
  );
});

test('the window keeps its length, and the oldest leaves as soon as the rest is long enough', () => {
  const window = fill(empty(), 30);
  assert.equal(window.segments.length, 10);
  assert.equal(window.firstMsn, 120);
  assert.equal(fill(empty({ windowS: 41 }), 30).segments.length, 11);
  assert.equal(fill(empty({ windowS: 1 }), 30).segments.length, 3, 'three target durations at least');
});

test('the discontinuity sequence grows as the tag leaves, not before', () => {
  assert.equal(fill(empty(), 12, 2).discontinuitySequence, 7);
  assert.equal(fill(empty(), 13, 2).discontinuitySequence, 8);
});

test('parts are listed for three target durations', () => {
  const counts = fill(empty(), 8).segments.map(({ parts }) => parts.length);
  assert.deepEqual(counts, [0, 0, 0, 0, 0, 4, 4, 4]);
});

test('a flood of titles leaves the newest', () => {
  let window = empty();
  for (let i = 0; i < 5_000; i += 1) window = applyChange(window, title(`t-${i}`, i));
  assert.equal(window.titles.length, 200);
  assert.equal(window.titles.at(-1)!.id, 't-4999');
});

test('a title stays until the next one began before all that is listed', () => {
  let window = apply(empty(), title('a', 0), title('b', 8000), title('c', 1e9));
  window = fill(window, 10);
  assert.deepEqual(
    window.titles.map(({ id }) => id),
    ['a', 'b', 'c'],
  );
  const later = apply(window, part(4, startAt(40_000)), end);
  assert.equal(later.segments[0]!.pdtMs, 4000);
  assert.equal(later.titles[0]!.id, 'a');
  const latest = apply(later, part(4, startAt(44_000)), end);
  assert.deepEqual(
    latest.titles.map(({ id }) => id),
    ['b', 'c'],
  );
});
