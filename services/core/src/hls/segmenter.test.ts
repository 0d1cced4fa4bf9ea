import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CutPart, Segmenter, type SegmenterOptions } from './segmenter.ts';
import type { TimedTitle } from './track.ts';

const options = (over: Partial<SegmenterOptions> = {}): SegmenterOptions => ({
  timescale: 44_100,
  segmentS: 4,
  partS: 1,
  cutsAtTitles: false,
  ...over,
});
const sample = (durationTicks: number, id = 0) => ({ data: Uint8Array.of(id), durationTicks });
const titled = (title: string): TimedTitle => ({ title, artist: '', url: '' });

/** Everything that comes of so many samples. */
function cut(segmenter: Segmenter, durations: readonly number[]): readonly CutPart[] {
  const parts = durations.flatMap((ticks, i) => segmenter.push(sample(ticks, i & 0xff)) ?? []);
  const last = segmenter.end();
  return last ? [...parts, last] : parts;
}

const same = (ticks: number, count: number) => Array.from({ length: count }, () => ticks);
const startsOf = (parts: readonly CutPart[]) =>
  parts.filter(({ beginsSegment }) => beginsSegment).map(({ baseTicks }) => baseTicks);

const codecs = [
  { name: 'AAC or MPEG-2 MP3 at 44.1 kHz', timescale: 44_100, frame: 1024 },
  { name: 'MP3 at 44.1 kHz', timescale: 44_100, frame: 1152 },
  { name: 'Opus of 20 ms', timescale: 48_000, frame: 960 },
  { name: 'Opus of 60 ms', timescale: 48_000, frame: 2880 },
  { name: 'FLAC at 44.1 kHz', timescale: 44_100, frame: 4096 },
  { name: 'FLAC at 96 kHz', timescale: 96_000, frame: 4608 },
  { name: 'AAC at 8 kHz', timescale: 8_000, frame: 1024 },
] as const;

for (const { name, timescale, frame } of codecs) {
  test(`${name}: segments begin with the first sample at or after each multiple`, () => {
    for (const segmentS of [2, 4, 6, 2.5]) {
      const count = Math.ceil((segmentS * timescale * 20) / frame);
      const parts = cut(new Segmenter(options({ timescale, segmentS })), same(frame, count));
      const expected: number[] = [];
      for (let border = 0; ; border += 1) {
        const start = Math.ceil((border * segmentS * timescale) / frame) * frame;
        if (start >= count * frame) break;
        expected.push(start);
      }
      assert.deepEqual(startsOf(parts), expected);
    }
  });

  test(`${name}: parts are whole samples, none longer than the target, and as long as that allows`, () => {
    for (const partS of [0.2, 0.5, 1]) {
      const parts = cut(new Segmenter(options({ timescale, partS })), same(frame, 3000));
      const most = Math.max(Math.floor((partS * timescale) / frame), 1);
      for (const { samples, durationTicks, endsSegment } of parts) {
        assert.equal(durationTicks, samples.length * frame);
        assert.ok(samples.length <= most, `${samples.length} samples, ${most} fit`);
        if (!endsSegment) assert.equal(samples.length, most);
      }
    }
  });
}

test('however long samples are, none is lost, doubled or moved', () => {
  const durations = fc.array(fc.integer({ min: 1, max: 400_000 }), { maxLength: 200, size: 'max' });
  fc.assert(
    fc.property(durations, fc.constantFrom(0.3, 1, 4), fc.boolean(), (list, partS, cutsAtTitles) => {
      const parts = cut(new Segmenter(options({ partS, cutsAtTitles })), list);
      const samples = parts.flatMap((part) => part.samples);
      assert.deepEqual(
        samples.map(({ durationTicks }) => durationTicks),
        list,
      );
      let ticks = 0;
      parts.forEach((part, i) => {
        assert.equal(part.baseTicks, ticks);
        assert.equal(
          part.durationTicks,
          part.samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0),
        );
        assert.equal(part.beginsSegment, i === 0 || parts[i - 1]!.endsSegment);
        assert.ok(part.samples.length === 1 || part.durationTicks <= partS * 44_100, 'too long');
        ticks += part.durationTicks;
      });
      assert.ok(parts.length === 0 || parts.at(-1)!.endsSegment);
    }),
    { numRuns: 100 },
  );
});

test('two renditions of one source are cut within a frame of each other', () => {
  const [aac, opus] = [
    { timescale: 44_100, frame: 1024 },
    { timescale: 48_000, frame: 2880 },
  ].map(({ timescale, frame }) =>
    startsOf(
      cut(new Segmenter(options({ timescale })), same(frame, Math.ceil((400 * timescale) / frame))),
    ).map((ticks) => ticks / timescale),
  );
  assert.equal(aac!.length, opus!.length);
  aac!.forEach((startS, i) => {
    assert.ok(Math.abs(startS - opus![i]!) < 0.06);
  });
});

test('after samples that were longer than a segment the borders are where they were', () => {
  const parts = cut(new Segmenter(options({ timescale: 1000, partS: 10 })), [9_500, ...same(500, 20)]);
  assert.deepEqual(startsOf(parts), [0, 9_500, 12_000, 16_000]);
});

test('where nothing came there is nothing to end, and an end comes once', () => {
  const segmenter = new Segmenter(options());
  assert.equal(segmenter.end(), undefined);
  segmenter.push(sample(1024));
  assert.equal(segmenter.end()?.endsSegment, true);
  assert.equal(segmenter.end(), undefined);
});

test('each segment tells the title that is on air as it begins', () => {
  const segmenter = new Segmenter(options({ timescale: 1000 }), { id: 1, title: titled('a') });
  const parts = cut(segmenter, same(500, 20));
  const begun = parts.filter(({ beginsSegment }) => beginsSegment);
  assert.deepEqual(
    begun.map(({ titles }) => titles),
    begun.map(({ baseTicks }) => [{ atTicks: baseTicks, id: 1, title: titled('a') }]),
  );
  assert.equal(parts.flatMap(({ titles }) => titles).length, begun.length);
});

test('a title has its place in the part that holds the sample after it', () => {
  const pushes = fc.array(fc.tuple(fc.integer({ min: 100, max: 900 }), fc.boolean()), {
    maxLength: 100,
    size: 'max',
  });
  fc.assert(
    fc.property(pushes, (list) => {
      const segmenter = new Segmenter(options({ timescale: 1000 }));
      const parts: CutPart[] = [];
      const set: { id: number; atTicks: number }[] = [];
      list.forEach(([ticks, hasTitle], i) => {
        if (hasTitle) {
          set.push({ id: i, atTicks: segmenter.headTicks });
          segmenter.setTitle(i, titled(`${i}`));
        }
        const part = segmenter.push(sample(ticks));
        if (part) parts.push(part);
      });
      const last = segmenter.end();
      if (last) parts.push(last);
      const told = new Map<number, number>();
      for (const { baseTicks, durationTicks, titles } of parts) {
        for (const { id, atTicks } of titles) {
          assert.ok(
            atTicks >= baseTicks && atTicks < baseTicks + durationTicks,
            `title ${id} is outside its part`,
          );
          if (!told.has(id)) told.set(id, atTicks);
        }
      }
      assert.deepEqual(
        set.map(({ id }) => told.get(id)),
        set.map(({ atTicks }) => atTicks),
      );
    }),
    { numRuns: 200 },
  );
});

test('of several titles at one place the last is told', () => {
  const segmenter = new Segmenter(options({ timescale: 1000 }));
  segmenter.push(sample(500));
  for (let id = 0; id < 10_000; id += 1) segmenter.setTitle(id, titled(`${id}`));
  segmenter.push(sample(400));
  const part = segmenter.end();
  assert.deepEqual(
    part!.titles.map(({ id, atTicks }) => [id, atTicks]),
    [[9_999, 500]],
  );
});

test('in packed audio a title begins a segment, but a flood of them no flood of segments', () => {
  const segmenter = new Segmenter(options({ timescale: 1000, cutsAtTitles: true }), {
    id: 0,
    title: titled('0'),
  });
  const parts: CutPart[] = [];
  for (let i = 1; i <= 1000; i += 1) {
    segmenter.setTitle(i, titled(`${i}`));
    const part = segmenter.push(sample(20));
    if (part) parts.push(part);
  }
  const starts = startsOf(parts);
  // Besides the borders there is at most one a second.
  assert.ok(starts.length <= 20 + 5, `${starts.length} segments in 20 s`);
  assert.ok(starts.length >= 18);
  const begun = parts.filter(({ beginsSegment }) => beginsSegment);
  for (const { titles, baseTicks } of begun)
    assert.deepEqual(
      titles.map(({ atTicks }) => atTicks),
      [baseTicks],
    );
});

test('in packed audio the segment after a title begins on the old border', () => {
  const segmenter = new Segmenter(options({ timescale: 1000, cutsAtTitles: true }));
  const parts: CutPart[] = [];
  for (let i = 0; i < 20; i += 1) {
    if (i === 5) segmenter.setTitle(1, titled('a'));
    const part = segmenter.push(sample(500));
    if (part) parts.push(part);
  }
  assert.deepEqual(startsOf(parts), [0, 2_500, 4_000, 8_000]);
});
