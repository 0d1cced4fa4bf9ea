import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  countingFormats,
  countingFrame,
  countingFrameBytes,
  countingFrames,
} from '../../../../test/support/counting-frames.ts';
import { CountingReader, readCountingFrames, runsOf } from '../../../../test/support/counting-reader.ts';
import { parseMp3Header } from '../codecs/mp3-header.ts';
import { Mp3Splitter } from '../codecs/mp3-splitter.ts';

const format = countingFormats.mp3Padded;

test('counting frames are MP3 frames at a constant bitrate', () => {
  for (const number of [0, 1, 48, 49, 0xffffffff]) {
    const frame = countingFrame(number, format);
    const header = parseMp3Header(frame);
    assert.equal(header?.frameBytes, frame.length);
    assert.equal(header.bitrateKbps, 128);
  }
  assert.equal(countingFrames(0, 490, format).length, (490 * 144 * 128_000) / 44_100);
});

test('the splitter finds every one of them and nothing else', () => {
  const splitter = new Mp3Splitter();
  const frames = [...splitter.push(countingFrames(1000, 200, format)), ...splitter.flush()];
  assert.equal(frames.length, 200);
  assert.equal(splitter.stats.skippedBytes, 0);
});

test('a reader counts the frames of a stream however it is cut', () => {
  const stream = countingFrames(7, 30, format);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1 }), (cuts) => {
      const reader = new CountingReader(format);
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
      countingFrames(0, 3, format),
      countingFrames(10, 2, format),
      Buffer.alloc(500),
      countingFrames(11, 2, format),
      countingFrame(13, format).subarray(100),
      countingFrame(14, format),
      countingFrame(15, format).subarray(0, 60),
    ]),
    format,
  );
  assert.equal(heard.lost, 7 + 1);
  assert.deepEqual(heard.gaps, [
    { after: 2, next: 10 },
    { after: 11, next: 11 },
    { after: 12, next: 14 },
  ]);
  assert.equal(heard.jumps, 2);
  assert.equal(heard.doubled, 1);
  assert.equal(heard.zeroBytes, 500);
  assert.equal(heard.longestZeroRun, 500);
  assert.equal(heard.tornBytes, countingFrame(13, format).length - 100);
  assert.equal(heard.openBytes, 60);
  const damaged = countingFrames(0, 3, format);
  damaged[600] = damaged[600]! ^ 1;
  assert.equal(readCountingFrames(damaged, format).count, 2);
});

test('a reader tells sources apart, and what came before the first frame', () => {
  for (const format of Object.values(countingFormats)) {
    const heard = readCountingFrames(
      Buffer.concat([
        countingFrame(9, format).subarray(60),
        countingFrames(10, 3, format, 1),
        Buffer.from('foreign'),
        countingFrames(48, 2, format, 65_535),
        countingFrames(13, 1, format, 1),
      ]),
      format,
    );
    assert.deepEqual(runsOf(heard.frames), ['1: 10-12', '65535: 48-49', '1: 13-13']);
    assert.equal(heard.leadBytes, countingFrameBytes(9, format) - 60);
    assert.equal(heard.strayBytes, heard.leadBytes + 'foreign'.length);
    assert.deepEqual([heard.lost, heard.doubled, heard.gaps], [0, 0, []]);
  }
});

test('a reader that is cut off waits for the rest only of what may be a frame', () => {
  const frame = countingFrame(48, format, 3);
  for (let length = 1; length < frame.length; length += 1) {
    assert.equal(readCountingFrames(frame.subarray(0, length), format).openBytes, length);
    const broken = Buffer.from(frame.subarray(0, length));
    broken[length - 1] = 0x7f;
    assert.equal(readCountingFrames(broken, format).openBytes, 0);
  }
});
