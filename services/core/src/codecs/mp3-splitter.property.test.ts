import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  apeTag,
  filler,
  id3v1Tag,
  id3v2Tag,
  type Mp3Spec,
  mp3Frame,
  mp3InfoFrame,
} from '../../../../test/fixtures/audio/forge-frames.ts';
import { digestOf, runSplitter, type SplitterRun } from '../../../../test/fixtures/audio/run-splitter.ts';
import { Mp3Splitter } from './mp3-splitter.ts';

const run = (input: Uint8Array, cuts: readonly number[] = []): SplitterRun =>
  runSplitter(new Mp3Splitter(), input, cuts);

const assertFrames = (actual: SplitterRun, expected: readonly Uint8Array[]): void => {
  assert.deepEqual(
    actual.frames.map((f) => Buffer.from(f.data)),
    expected.map((f) => Buffer.from(f)),
  );
};

const version = fc.constantFrom<Mp3Spec['version']>(1, 2, 2.5);
const specs = fc.record({
  version,
  rateIndex: fc.nat(2),
  bitrateIndex: fc.integer({ min: 1, max: 14 }),
  mode: fc.constantFrom<0 | 1 | 3>(0, 1, 3),
  hasCrc: fc.boolean(),
});

type Piece = { readonly bytes: Uint8Array; readonly kind: 'frame' | 'other' | 'id3v1' | 'garbage' };

const frame = (spec: Mp3Spec, seed: number): Piece => ({ bytes: mp3Frame(spec, seed), kind: 'frame' });
const other = (bytes: Uint8Array): Piece => ({ bytes, kind: 'other' });

/** A run of frames of one stream as a file has them, perhaps with an Info frame first. */
const fileOfFrames: fc.Arbitrary<Piece[]> = fc
  .record({
    spec: specs,
    // A file whose frames are equally long, or one that varies.
    bitrates: fc.oneof(
      fc.constant([0]),
      fc.array(fc.integer({ min: 1, max: 14 }), { minLength: 2, maxLength: 5 }),
    ),
    paddings: fc.array(fc.constantFrom<0 | 1>(0, 1), { minLength: 1, maxLength: 3 }),
    count: fc.integer({ min: 2, max: 10 }),
    info: fc.option(fc.constantFrom('Info' as const, 'Xing' as const, 'VBRI' as const), { freq: 2 }),
    seed: fc.nat(1000),
  })
  .map(({ spec, bitrates, paddings, count, info, seed }) => {
    const frames = Array.from({ length: count }, (_, i) => {
      const bitrateIndex = bitrates[i % bitrates.length]! || spec.bitrateIndex;
      return frame({ ...spec, bitrateIndex, padding: paddings[i % paddings.length]! }, seed + i);
    });
    return info === null ? frames : [other(mp3InfoFrame(spec, info)), ...frames];
  });

/** Free format ends with a tag, since a neighbour of the same kind has another length. */
const freeFile: fc.Arbitrary<Piece[]> = fc
  .record({
    spec: specs,
    freeBytes: fc.integer({ min: 60, max: 3000 }),
    count: fc.integer({ min: 3, max: 6 }),
  })
  .map(({ spec, freeBytes, count }) => [
    ...Array.from({ length: count }, (_, i) =>
      frame({ ...spec, bitrateIndex: 0, freeBytes, padding: (i & 1) as 0 | 1 }, i),
    ),
    { bytes: filler(30, 1), kind: 'garbage' },
  ]);

const tag: fc.Arbitrary<Piece[]> = fc.oneof(
  fc
    .tuple(fc.nat(3000), fc.boolean())
    .map(([size, hasFooter]) => [{ bytes: id3v2Tag(size, hasFooter), kind: 'other' as const }]),
  fc.constant(id3v1Tag()).map((bytes) => [{ bytes, kind: 'id3v1' as const }]),
  fc.nat(300).map((size) => [{ bytes: apeTag(size), kind: 'other' as const }]),
);

const garbage: fc.Arbitrary<Piece[]> = fc
  .tuple(fc.integer({ min: 1, max: 2000 }), fc.nat(99))
  .map(([length, seed]) => [{ bytes: filler(length, seed), kind: 'garbage' as const }]);

const streams = fc
  .array(fc.oneof({ weight: 4, arbitrary: fileOfFrames }, freeFile, tag, garbage), {
    minLength: 1,
    maxLength: 6,
  })
  .map((files) => files.flat());

const cuts = fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 8 });

test('any stream of files, tags and garbage, cut anywhere, gives all its frames', () => {
  fc.assert(
    fc.property(streams, cuts, (pieces, pieceLengths) => {
      const input = Buffer.concat(pieces.map((p) => p.bytes));
      const whole = run(input);
      assertFrames(
        whole,
        pieces.filter((p) => p.kind === 'frame').map((p) => p.bytes),
      );
      const bytesOf = (kind: Piece['kind']): number =>
        pieces.reduce((sum, p) => sum + (p.kind === kind ? p.bytes.length : 0), 0);
      // ID3v1 right after garbage is not told from it.
      const excess = whole.stats.skippedBytes - bytesOf('garbage');
      assert.ok(excess >= 0 && excess <= bytesOf('id3v1') && excess % 128 === 0, `${excess} bytes too many`);
      assert.ok(whole.stats.resyncs <= pieces.filter((p) => p.kind === 'garbage').length);
      assert.deepEqual(digestOf(run(input, pieceLengths)), digestOf(whole));
    }),
    { numRuns: 150 },
  );
});

/** Bytes in which headers, tags and their beginnings are frequent. */
const noise = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .constantFrom(
          [0xff],
          [0xff, 0xfb],
          [0xff, 0xfb, 0x90, 0x64],
          [0xff, 0xfb, 0x10, 0],
          [0xff, 0xe3, 0x00, 0xc0],
        )
        .map((bytes) => Uint8Array.from(bytes)),
      fc
        .constantFrom('ID3', 'ID3\x04\0\0\0\0\0\x05', 'TAG', 'APETAGEX', 'T', 'A')
        .map((s) => Buffer.from(s, 'latin1')),
      fc.nat(200).map((length) => filler(length)),
      fc.constantFrom(48, 96, 104, 417).map((length) => filler(length - 4)),
    ),
    { maxLength: 120 },
  )
  .map((parts) => Buffer.concat(parts));

test('garbage never throws, and gives the same in any split', () => {
  fc.assert(
    fc.property(noise, cuts, (input, pieceLengths) => {
      const whole = run(input);
      const givenBytes = whole.frames.reduce((sum, f) => sum + f.data.length, 0);
      assert.ok(givenBytes + whole.stats.skippedBytes <= input.length);
      const expected = digestOf(whole);
      assert.deepEqual(digestOf(run(input, pieceLengths)), expected);
      assert.deepEqual(digestOf(run(input, [1])), expected);
    }),
    { numRuns: 200 },
  );
});

test('damage costs the frames that it touches and their neighbours, no others', () => {
  const damage = fc.record({
    spec: specs,
    at: fc.double({ min: 0, max: 0.999, noNaN: true }),
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 600, max: 0xfe }),
      fc.constant(new Uint8Array(0)),
    ),
    flippedBit: fc.nat(31),
  });
  fc.assert(
    fc.property(damage, cuts, ({ spec, at, bytes, flippedBit }, pieceLengths) => {
      const frames = Array.from({ length: 40 }, (_, i) => mp3Frame(spec, i));
      const frameBytes = frames[0]!.length;
      const input = Buffer.concat(frames);
      let from = Math.floor(at * input.length);
      let to = Math.min(from + bytes.length, input.length);
      if (bytes.length > 0) {
        input.set(bytes.subarray(0, to - from), from);
      } else {
        // One bit of a header.
        from = from - (from % frameBytes) + (flippedBit >> 3);
        to = from + 1;
        input[from]! ^= 1 << (flippedBit & 7);
      }
      const found = new Set(
        run(input, pieceLengths).frames.map((f) => Buffer.from(f.data).toString('latin1')),
      );
      frames.forEach((original, i) => {
        const isNear = (i + 1) * frameBytes > from - frameBytes && i * frameBytes < to + 2 * frameBytes;
        assert.ok(
          isNear || found.has(Buffer.from(original).toString('latin1')),
          `frame ${i} of ${frameBytes} bytes`,
        );
      });
    }),
    { numRuns: 200 },
  );
});
