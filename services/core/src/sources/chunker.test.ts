import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FrameEvent } from '../codecs/frame-splitter.ts';
import { type Chunk, Chunker, defaultChunkLimits, splitChunk } from './chunker.ts';

const frame = (length: number, durationUs: number, syncPoint = true, seed = 0): FrameEvent => ({
  type: 'frame',
  data: new Uint8Array(length).fill(seed & 255),
  durationUs,
  syncPoint,
});
const frames = fc.array(
  fc.record({
    length: fc.integer({ min: 1, max: 20_000 }),
    durationUs: fc.integer({ min: 0, max: 150_000 }),
    syncPoint: fc.boolean(),
  }),
  { maxLength: 100 },
);

test('chunks are whole frames in order, bounded, and begin with a sync point where there is one', () => {
  fc.assert(
    fc.property(frames, (list) => {
      const chunker = new Chunker();
      const events = list.map(({ length, durationUs, syncPoint }, i) =>
        frame(length, durationUs, syncPoint, i),
      );
      const chunks: Chunk[] = [];
      for (const event of events) {
        const done = chunker.push(event);
        assert.ok(done.length <= 2);
        chunks.push(...done);
      }
      const rest = chunker.flush();
      if (rest) chunks.push(rest);
      assert.equal(chunker.flush(), undefined);
      assert.equal(chunker.pendingBytes, 0);

      let next = 0;
      for (const chunk of chunks) {
        const parts = events.slice(next, next + chunk.frameCount);
        next += chunk.frameCount;
        assert.deepEqual(Buffer.from(chunk.data), Buffer.concat(parts.map(({ data }) => data)));
        assert.equal(chunk.frameBytes.length, chunk.frameCount);
        const found = splitChunk(chunk)!.map((data) => Buffer.from(data));
        assert.deepEqual(
          found,
          parts.map(({ data }) => Buffer.from(data)),
        );
        assert.equal(
          chunk.durationUs,
          parts.reduce((sum, part) => sum + part.durationUs, 0),
        );
        assert.equal(chunk.syncPoint, parts[0]!.syncPoint);
        assert.ok(parts.length === 1 || chunk.data.byteLength <= defaultChunkLimits.maxBytes);
        const withoutLast = chunk.durationUs - parts.at(-1)!.durationUs;
        assert.ok(withoutLast < defaultChunkLimits.targetUs, 'no longer than it takes');
        const firstDependent = parts.findIndex((part) => !part.syncPoint);
        const laterSync = parts.findIndex((part, i) => part.syncPoint && i > firstDependent);
        assert.ok(firstDependent < 0 || laterSync < 0, 'no sync point hides behind what depends on another');
      }
      assert.equal(next, events.length);
    }),
  );
});

test('a chunk of one frame is the frame itself', () => {
  const chunker = new Chunker();
  const large = frame(20_000, 10);
  const [chunk] = chunker.push(large);
  assert.equal(chunk!.data, large.data);
});

test('a tenth of a second of MP3 makes a chunk', () => {
  const chunker = new Chunker();
  const counts = [];
  for (let i = 0; i < 40; i += 1) {
    for (const { frameCount } of chunker.push(frame(417, 26_122))) counts.push(frameCount);
  }
  assert.deepEqual(counts, new Array(10).fill(4));
});

test('a chunk whose lengths do not make up its data has no frames', () => {
  const data = new Uint8Array(10);
  for (const frameBytes of [
    [],
    [9],
    [11],
    [5, 6],
    [5, 0, 5],
    [-1, 11],
    [2.5, 7.5],
    [Number.NaN],
    [Infinity],
  ]) {
    assert.equal(splitChunk({ data, frameBytes }), undefined, String(frameBytes));
  }
  assert.deepEqual(
    splitChunk({ data, frameBytes: [3, 7] })?.map(({ byteLength }) => byteLength),
    [3, 7],
  );
  assert.deepEqual(splitChunk({ data: new Uint8Array(0), frameBytes: [] }), []);
});
