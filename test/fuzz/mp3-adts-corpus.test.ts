/**
 * Replays the corpora of hostile MP3 and ADTS input through both splitters: whole, byte
 * by byte and in random pieces. Whatever the bytes are, every way gives the same events,
 * nothing throws, and each frame is one that its own header describes.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseAdtsHeader } from '@legacystream/core/codecs/adts-header.ts';
import { AdtsSplitter } from '@legacystream/core/codecs/adts-splitter.ts';
import type { FrameSplitter } from '@legacystream/core/codecs/frame-splitter.ts';
import { parseMp3Header } from '@legacystream/core/codecs/mp3-header.ts';
import { Mp3Splitter } from '@legacystream/core/codecs/mp3-splitter.ts';
import { sniffCodec } from '@legacystream/core/codecs/sniff-codec.ts';
import fc from 'fast-check';
import { digestOf, runSplitter } from '../fixtures/audio/run-splitter.ts';

/** The length that a frame's header tells; free format tells none. */
const mp3FrameBytes = (data: Uint8Array): number | undefined =>
  parseMp3Header(data)?.frameBytes || data.length;
const adtsFrameBytes = (data: Uint8Array): number | undefined => parseAdtsHeader(data)?.frameBytes;

const splitters: readonly {
  name: string;
  make: () => FrameSplitter;
  headerBytes: number;
  frameBytes: (data: Uint8Array) => number | undefined;
}[] = [
  { name: 'Mp3Splitter', make: () => new Mp3Splitter(), headerBytes: 4, frameBytes: mp3FrameBytes },
  { name: 'AdtsSplitter', make: () => new AdtsSplitter(), headerBytes: 7, frameBytes: adtsFrameBytes },
];

for (const folder of ['mp3', 'adts']) {
  const directory = new URL(`corpus/${folder}/`, import.meta.url);
  const files = readdirSync(directory).sort();

  test(`the ${folder} corpus is there`, () => {
    assert.ok(files.length >= 12);
  });

  for (const file of files) {
    const input: Uint8Array = readFileSync(new URL(file, directory));
    for (const { name, make, headerBytes, frameBytes } of splitters) {
      test(`${name}: ${folder}/${file} gives the same events in any split`, () => {
        const whole = runSplitter(make(), input);
        const expected = digestOf(whole);
        assert.deepEqual(digestOf(runSplitter(make(), input, [1])), expected);
        fc.assert(
          fc.property(fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 6 }), (cuts) => {
            assert.deepEqual(digestOf(runSplitter(make(), input, cuts)), expected);
          }),
          { numRuns: 8 },
        );
        let givenBytes = 0;
        for (const { data, durationUs } of whole.frames) {
          givenBytes += data.length;
          assert.ok(data.length > headerBytes && data.length <= 8192 && durationUs > 0);
          assert.equal(frameBytes(data), data.length);
        }
        assert.ok(givenBytes + whole.stats.skippedBytes <= input.length);
        assert.equal(whole.stats.frames, whole.frames.length);
      });
    }

    test(`sniffCodec: ${folder}/${file} has an answer at every length`, () => {
      for (let length = 0; length <= Math.min(input.length, 4096); length += 7) {
        sniffCodec(input.subarray(0, length), 'audio/mpeg');
      }
      assert.equal(sniffCodec(input, undefined).certain || input.length < 4096, true);
    });
  }
}
