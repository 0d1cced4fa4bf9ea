import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { filler } from '../../../../test/fixtures/audio/forge-frames.ts';
import { runSplitter } from '../../../../test/fixtures/audio/run-splitter.ts';
import { maxOpaqueFrameBytes, OpaqueSplitter } from './opaque-splitter.ts';

test('every byte goes through in order, in bounded frames, in any split', () => {
  fc.assert(
    fc.property(
      fc.nat(60_000),
      fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 5 }),
      (length, cuts) => {
        const input = filler(length, length);
        const { frames, stats } = runSplitter(new OpaqueSplitter(), input, cuts);
        assert.ok(Buffer.concat(frames.map((f) => f.data)).equals(input));
        assert.ok(frames.every((f) => f.data.length > 0 && f.data.length <= maxOpaqueFrameBytes));
        assert.ok(frames.every((f) => f.syncPoint && f.durationUs === 0));
        assert.deepEqual(stats, { frames: frames.length, skippedBytes: 0, resyncs: 0 });
      },
    ),
    { numRuns: 50 },
  );
});

test('bytes go out with the push that brought them', () => {
  const splitter = new OpaqueSplitter();
  assert.equal(splitter.push(filler(1)).length, 1);
  assert.equal(splitter.push(filler(maxOpaqueFrameBytes + 1)).length, 2);
  assert.equal(splitter.push(new Uint8Array(0)).length, 0);
  assert.equal(splitter.flush().length, 0);
  assert.equal(splitter.format.codec, 'opaque');
});
