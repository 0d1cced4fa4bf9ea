import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countingFormats, countingFrames } from '../../support/counting-frames.ts';
import { FrameChecker, isFlawless } from './frame-checker.ts';

const format = countingFormats.mp3At128;

const checkInPieces = (bytes: Uint8Array, metaint?: number) => {
  const checker = new FrameChecker({ format, metaint });
  for (let at = 0; at < bytes.length; at += 1_001) checker.push(bytes.subarray(at, at + 1_001));
  return checker.counts;
};

test('the checker finds frames that are lost, doubled or torn', () => {
  const whole = countingFrames(70, 10, format);
  assert.deepEqual({ ...checkInPieces(whole) }, { ...new FrameChecker({ format }).counts, frames: 10 });
  assert.equal(isFlawless(checkInPieces(whole)), true);

  const lost = checkInPieces(Buffer.concat([whole, countingFrames(83, 2, format)]));
  assert.equal(lost.jumps, 1);
  assert.equal(lost.lostFrames, 3);
  assert.equal(isFlawless(lost), false);
  assert.equal(isFlawless(lost, true), true);

  const doubled = checkInPieces(Buffer.concat([whole, countingFrames(79, 3, format)]));
  assert.equal(doubled.doubledFrames, 1);
  assert.equal(isFlawless(doubled, true), false);

  const torn = checkInPieces(Buffer.concat([whole, whole.subarray(0, 100), countingFrames(80, 2, format)]));
  assert.equal(torn.tornBytes + torn.zeroBytes, 100);
  assert.ok(torn.tornBytes > 0);
  assert.equal(torn.frames, 12);
  assert.equal(isFlawless(torn, true), false);

  const late = checkInPieces(whole.subarray(100));
  assert.equal(late.frames, 9);
  assert.equal(late.leadBytes + late.zeroBytes, format.frameBytes - 100);
  assert.equal(isFlawless(late), true);
});

test('the checker finds ICY blocks that stand in the wrong place', () => {
  const metaint = 1_000;
  const audio = countingFrames(0, 20, format);
  const title = Buffer.concat([Buffer.of(2), Buffer.from("StreamTitle='One';".padEnd(32, '\0'))]);
  const stream = (shift: number) => {
    const parts: Buffer[] = [];
    for (let at = 0, i = 0; at < audio.length; i += 1) {
      const end = at + metaint + (i === 3 ? shift : 0);
      parts.push(audio.subarray(at, end), i % 2 === 0 ? title : Buffer.of(0));
      at = end;
    }
    return Buffer.concat(parts);
  };
  const right = checkInPieces(stream(0), metaint);
  assert.equal(right.frames, 20);
  assert.equal(right.titles, 4);
  assert.equal(isFlawless(right), true);
  assert.equal(isFlawless(checkInPieces(stream(1), metaint)), false);
  assert.equal(isFlawless(checkInPieces(stream(0))), false);
});
