/**
 * Replays every file of the container corpora through its splitter: whole, byte by byte
 * and in random pieces. Whatever the bytes are, nothing throws, the events are the same,
 * and no more comes out than went in. A file that once did harm belongs into the corpus.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { FlacSplitter } from '@legacystream/core/codecs/flac-splitter.ts';
import type { FrameSplitter } from '@legacystream/core/codecs/frame-splitter.ts';
import { MatroskaSplitter } from '@legacystream/core/codecs/matroska-splitter.ts';
import { OggSplitter } from '@legacystream/core/codecs/ogg-splitter.ts';
import { OggVorbisRetitler } from '@legacystream/core/codecs/ogg-vorbis-retitler.ts';
import fc from 'fast-check';
import { digestReplay, replaySplitter } from '../fixtures/audio/replay-splitter.ts';

const containers: readonly { folder: string; create: () => FrameSplitter }[] = [
  { folder: 'ogg', create: () => new OggSplitter() },
  { folder: 'flac', create: () => new FlacSplitter() },
  { folder: 'matroska', create: () => new MatroskaSplitter() },
];

const leastFiles = 10;

function readCorpus(folder: string): { name: string; bytes: Uint8Array }[] {
  const directory = new URL(`corpus/${folder}/`, import.meta.url);
  return readdirSync(directory).map((name) => ({
    name,
    bytes: new Uint8Array(readFileSync(new URL(name, directory))),
  }));
}

for (const { folder, create } of containers) {
  const corpus = readCorpus(folder);

  describe(`corpus ${folder}`, () => {
    test('is there', () => assert.ok(corpus.length >= leastFiles));

    for (const { name, bytes } of corpus) {
      test(`${name} gives the same events however it is split`, () => {
        const whole = replaySplitter(create(), bytes);
        const digest = digestReplay(whole);
        assert.equal(digestReplay(replaySplitter(create(), bytes, [1])), digest);
        fc.assert(
          fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (cuts) => {
            assert.equal(digestReplay(replaySplitter(create(), bytes, cuts)), digest);
          }),
          { numRuns: 10 },
        );
        const sent = whole.frames.reduce((sum, frame) => sum + frame.data.length, 0);
        assert.ok(sent + whole.stats.skippedBytes <= bytes.length);
        assert.equal(whole.stats.frames, whole.frames.length);
        for (const { durationUs } of whole.frames) {
          assert.ok(
            Number.isInteger(durationUs) && durationUs >= 0 && durationUs <= 10_000_000,
            String(durationUs),
          );
        }
      });
    }

    test('every file is got over: a good stream after it is heard again', () => {
      const good = goodStream(folder);
      const alone = replaySplitter(create(), good.bytes);
      for (const { name, bytes } of corpus) {
        const found = replaySplitter(create(), Buffer.concat([bytes, good.padding, good.bytes]), [4096]);
        const tail = found.frames.slice(-alone.frames.length + 1).map((frame) => Buffer.from(frame.data));
        const expected = alone.frames.slice(1).map((frame) => Buffer.from(frame.data));
        assert.deepEqual(tail, expected, name);
      }
    });
  });
}

/** A real stream, and as much padding as a false length before it may swallow. */
function goodStream(folder: string): { bytes: Uint8Array; padding: Uint8Array } {
  const name = { ogg: 'vorbis.ogg', flac: 'piped.flac', matroska: 'live-opus.webm' }[folder]!;
  const bytes = new Uint8Array(readFileSync(new URL(`../fixtures/audio/${name}`, import.meta.url)));
  const longest = { ogg: 65_307, flac: 300_000, matroska: 1_048_576 }[folder]!;
  return { bytes, padding: new Uint8Array(longest) };
}

test('titles set at any page of the Ogg corpus never throw', () => {
  for (const { bytes } of readCorpus('ogg')) {
    const retitler = new OggVorbisRetitler();
    let serial = 100;
    for (const event of replaySplitter(new OggSplitter(), bytes).events) {
      retitler.setTitle({ title: 'x', artist: 'y' }, serial++);
      assert.ok(retitler.process(event).length >= 1);
    }
  }
});
