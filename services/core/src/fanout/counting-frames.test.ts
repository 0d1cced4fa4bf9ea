import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CountingReader,
  countingFrame,
  countingFrames,
  readCountingFrames,
} from '../../../../test/fixtures/counting-frames.ts';
import { parseMp3Header } from '../codecs/mp3-header.ts';
import { Mp3Splitter } from '../codecs/mp3-splitter.ts';

test('counting frames are MP3 frames at a constant bitrate', () => {
  for (const number of [0, 1, 48, 49, 0xffffffff]) {
    const frame = countingFrame(number);
    const header = parseMp3Header(frame);
    assert.equal(header?.frameBytes, frame.length);
    assert.equal(header.bitrateKbps, 128);
  }
  assert.equal(countingFrames(0, 490).length, (490 * 144 * 128_000) / 44_100);
});

test('the splitter finds every one of them and nothing else', () => {
  const splitter = new Mp3Splitter();
  const frames = [...splitter.push(countingFrames(1000, 200)), ...splitter.flush()];
  assert.equal(frames.length, 200);
  assert.equal(splitter.stats.skippedBytes, 0);
});

test('a reader counts the frames of a stream however it is cut', () => {
  const stream = countingFrames(7, 30);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1 }), (cuts) => {
      const reader = new CountingReader();
      for (let at = 0, turn = 0; at < stream.length; turn += 1) {
        const length = cuts[turn % cuts.length]!;
        reader.push(stream.subarray(at, at + length));
        at += length;
      }
      const { first, last, count, lost, doubled, tornBytes, openBytes } = reader;
      assert.deepEqual(
        { first, last, count, lost, doubled, tornBytes, openBytes },
        {
          first: 7,
          last: 36,
          count: 30,
          lost: 0,
          doubled: 0,
          tornBytes: 0,
          openBytes: 0,
        },
      );
    }),
    { numRuns: 50 },
  );
});

test('a reader tells what was lost, doubled, torn and zeroed', () => {
  const heard = readCountingFrames(
    Buffer.concat([
      countingFrames(0, 3),
      countingFrames(10, 2),
      Buffer.alloc(500),
      countingFrames(11, 2),
      countingFrame(13).subarray(100),
      countingFrame(14),
      countingFrame(15).subarray(0, 60),
    ]),
  );
  assert.equal(heard.lost, 7 + 1);
  assert.deepEqual(heard.gaps, [
    { after: 2, next: 10 },
    { after: 12, next: 14 },
  ]);
  assert.equal(heard.doubled, 1);
  assert.equal(heard.zeroBytes, 500);
  assert.equal(heard.longestZeroRun, 500);
  assert.equal(heard.tornBytes, countingFrame(13).length - 100);
  assert.equal(heard.openBytes, 60);
  const damaged = countingFrames(0, 3);
  damaged[600] = damaged[600]! ^ 1;
  assert.equal(readCountingFrames(damaged).count, 2);
});
