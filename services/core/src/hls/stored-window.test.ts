import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyChange, type HlsWindow, nextMsn, type OpenSegment } from './hls-window.ts';
import {
  completeOpen,
  forgetSegments,
  hlsGroup,
  joinStoredWindow,
  newerWindow,
  openDocumentId,
  type StoredOpen,
} from './stored-window.ts';

const start = { epoch: 3, pdtMs: 1.7e12, discontinuity: false, init: 'init-0123456789abcdef.mp4' };
const part = { durationS: 1, bytes: 10 };
const title = (id: string) => ({ id, startMs: 1.7e12, title: id, artist: '', url: '' });
const base: HlsWindow = {
  container: 'fmp4',
  extension: 'm4s',
  codecs: 'Opus',
  targetDurationS: 4,
  partTargetS: 1,
  windowS: 40,
  epoch: 3,
  revision: 12,
  firstMsn: 100,
  discontinuitySequence: 7,
  segments: [
    { ...start, discontinuity: true, durationS: 4, bytes: 40, parts: [] },
    { ...start, durationS: 4, bytes: 40, parts: [part] },
    { ...start, discontinuity: true, durationS: 4, bytes: 40, parts: [part] },
  ],
  open: undefined,
  titles: [title('a'), title('b')],
};
const open: OpenSegment = { ...start, parts: [part, part] };
const storedOpen = (over: Partial<StoredOpen> = {}): StoredOpen => ({
  epoch: 3,
  revision: 14,
  baseRevision: 12,
  open,
  ...over,
});
/** As the store gives it back. */
const stored = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('a window is kept under its mount and rendition, what is being made beside it', () => {
  assert.equal(hlsGroup('m1', 'source'), 'm1.source');
  assert.equal(openDocumentId(hlsGroup('m1', 'source')), 'm1.source.open');
});

test('both documents together are the window', () => {
  const joined = joinStoredWindow(stored(base), stored(storedOpen()));
  assert.deepEqual(joined, { ...(stored(base) as HlsWindow), revision: 14, open });
});

test('what was being made before the window was stored, or by another session, does not count', () => {
  for (const other of [
    storedOpen({ revision: 12 }),
    storedOpen({ revision: 3 }),
    storedOpen({ epoch: 2 }),
    storedOpen({ epoch: 4 }),
    // The window that it follows has not reached the store.
    storedOpen({ baseRevision: 13 }),
  ]) {
    assert.deepEqual(joinStoredWindow(stored(base), stored(other)), stored(base));
  }
});

test('documents that are none are as if they were not there', () => {
  const anything = fc.oneof(fc.jsonValue(), fc.constant(undefined));
  fc.assert(
    fc.property(anything, anything, (a, b) => {
      assert.equal(joinStoredWindow(a, b), undefined);
      assert.deepEqual(joinStoredWindow(stored(base), b), stored(base));
    }),
  );
  for (const bad of [
    { ...storedOpen(), open: { ...open, pdtMs: 'x' } },
    { ...storedOpen(), open: [] },
    { ...storedOpen(), open: { ...open, init: '../x' } },
    { ...storedOpen(), revision: 1e300 },
    { ...storedOpen(), revision: '14' },
  ]) {
    assert.deepEqual(joinStoredWindow(stored(base), bad), stored(base));
  }
});

test('the newer of two copies is that of the later session, or of more changes', () => {
  const later = { ...base, epoch: 4, revision: 1 };
  const more = { ...base, revision: 13 };
  assert.equal(newerWindow(base, later), later);
  assert.equal(newerWindow(later, base), later);
  assert.equal(newerWindow(base, more), more);
  assert.equal(newerWindow(more, base), more);
  assert.equal(newerWindow(base, undefined), base);
  assert.equal(newerWindow(undefined, base), base);
  assert.equal(newerWindow(undefined, undefined), undefined);
});

test('what was being made becomes the segment that players were told of', () => {
  const completed = completeOpen({ ...base, open }, true, 9);
  const closed = applyChange({ ...base, open }, { type: 'segment' });
  assert.deepEqual({ ...completed, segments: [] }, { ...closed, segments: [] });
  assert.equal(nextMsn(completed), 104);
  const whole = { ...open, durationS: 2, bytes: 20 };
  assert.deepEqual(completed.segments.at(-1), { ...whole, epoch: 9, partEpoch: open.epoch });
  assert.equal(completeOpen(base, true, 9), base);
  assert.equal(completeOpen(base, false, 9), base);
  assert.deepEqual(
    completeOpen({ ...base, open: { ...open, parts: [] } }, true, 9),
    base,
    'nobody was told of it',
  );
});

test('a segment of which something is missing uses up its number and its time as a gap', () => {
  const completed = completeOpen({ ...base, open }, false, 9);
  assert.equal(nextMsn(completed), 104);
  const last = completed.segments.at(-1)!;
  assert.deepEqual([last.gap, last.durationS, last.parts, last.pdtMs], [true, 2, open.parts, start.pdtMs]);
  const whole = completeOpen({ ...base, partTargetS: 0, open }, false, 9);
  assert.deepEqual(whole.segments.at(-1)!.parts, []);
  assert.deepEqual(
    completed.segments.slice(0, -1),
    completeOpen({ ...base, open }, true, 9).segments.slice(0, -1),
  );
});

test('a forgotten window has used up its numbers and its discontinuities', () => {
  const forgotten = forgetSegments(base);
  assert.deepEqual(forgotten.segments, []);
  assert.equal(nextMsn(forgotten), nextMsn(base));
  assert.equal(forgotten.discontinuitySequence, 9);
  assert.deepEqual(forgotten.titles, [title('b')]);
  assert.deepEqual(forgetSegments(forgotten), forgotten);
});
