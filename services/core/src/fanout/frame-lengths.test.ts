import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adtsFrame, mp3Frame } from '../../../../test/fixtures/audio/forge-frames.ts';
import { frameLengthOf, nextFrameAt, unknownFrameLength } from './frame-lengths.ts';

const mp3 = [9, 1, 14].map((bitrateIndex) => mp3Frame({ version: 1, rateIndex: 0, bitrateIndex }));
const aac = [200, 1000, 7].map((extra) =>
  adtsFrame({ rateIndex: 4, channelConfig: 2, frameBytes: 8 + extra }),
);

for (const [codec, frames] of [
  ['mp3', mp3],
  ['aac', aac],
] as const) {
  test(`the frames inside a piece of ${codec} are found from every offset`, () => {
    const piece = Buffer.concat(frames);
    const starts = [0, frames[0]!.length, frames[0]!.length + frames[1]!.length, piece.length];
    for (let offset = 0; offset <= piece.length; offset += 1) {
      const expected = starts.find((start) => start >= offset);
      assert.equal(nextFrameAt(piece, offset, frameLengthOf(codec)), expected);
    }
  });

  test(`a piece of ${codec} that holds something else, or a cut frame, has no place inside`, () => {
    const length = frameLengthOf(codec);
    const odd = Buffer.concat([frames[0]!, Buffer.alloc(500, 0x20)]);
    assert.equal(nextFrameAt(odd, frames[0]!.length + 1, length), odd.length);
    const cut = Buffer.concat([frames[0]!, frames[1]!.subarray(0, 3)]);
    assert.equal(nextFrameAt(cut, frames[0]!.length + 1, length), cut.length);
    const half = frames[1]!.subarray(0, 60);
    assert.equal(nextFrameAt(half, 30, length), half.length);
  });
}

test('a stream of unknown kind may be cut anywhere, a container only between pieces', () => {
  assert.equal(nextFrameAt(Buffer.alloc(1000), 333, frameLengthOf('opaque')), 333);
  assert.equal(nextFrameAt(Buffer.alloc(1000), 333, frameLengthOf('ogg-opus')), 1000);
  assert.equal(nextFrameAt(Buffer.alloc(1000), 0, unknownFrameLength), 0);
});
