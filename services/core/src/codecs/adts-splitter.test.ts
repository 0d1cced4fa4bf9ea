import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AdtsSpec,
  adtsFrame,
  apeTag,
  filler,
  id3v1Tag,
  id3v2Tag,
} from '../../../../test/fixtures/audio/forge-frames.ts';
import { digestOf, runSplitter, type SplitterRun } from '../../../../test/fixtures/audio/run-splitter.ts';
import { AdtsSplitter } from './adts-splitter.ts';

const lc: AdtsSpec = { rateIndex: 4, channelConfig: 2, frameBytes: 371 };

const framesOf = (count: number, spec: AdtsSpec = lc): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => adtsFrame({ ...spec, frameBytes: spec.frameBytes + (i % 5) }, i));

const run = (input: Uint8Array, cuts: readonly number[] = []): SplitterRun =>
  runSplitter(new AdtsSplitter(), input, cuts);

const assertFrames = (actual: SplitterRun, expected: readonly Uint8Array[]): void => {
  assert.deepEqual(
    actual.frames.map((f) => Buffer.from(f.data)),
    expected.map((f) => Buffer.from(f)),
  );
};

const fixture = (name: string): Uint8Array =>
  readFileSync(new URL(`../../../../test/fixtures/audio/${name}`, import.meta.url));

test('real files give as many frames, bytes and seconds as ffprobe counts', () => {
  const files = [
    { name: 'aac-44100-stereo-lc.aac', count: 66, bytes: 18856, us: 1532517, format: [44100, 2, 98] },
    { name: 'aac-24000-mono-id3.aac', count: 37, bytes: 6613, us: 1578666, format: [24000, 1, 34] },
  ];
  for (const { name, count, bytes, us, format } of files) {
    const { frames, stats, format: found } = run(fixture(name), [1448]);
    assert.deepEqual(stats, { frames: count, skippedBytes: 0, resyncs: 0 }, name);
    assert.equal(
      frames.reduce((sum, f) => sum + f.data.length, 0),
      bytes,
      name,
    );
    assert.equal(
      frames.reduce((sum, f) => sum + f.durationUs, 0),
      us,
      name,
    );
    assert.deepEqual([found.sampleRateHz, found.channels, found.bitrateKbps], format, name);
    assert.ok(frames.every((f) => f.syncPoint));
  }
});

test('files that a source sends one after another lose nothing but tags', () => {
  const names = ['aac-24000-mono-id3.aac', 'aac-44100-stereo-lc.aac', 'aac-24000-mono-id3.aac'];
  const { stats } = run(Buffer.concat(names.map(fixture)), [700, 13]);
  assert.deepEqual(stats, { frames: 37 + 66 + 37, skippedBytes: 0, resyncs: 0 });
});

test('a locked frame is given out with its last byte', () => {
  const [a, b, c] = framesOf(3) as [Uint8Array, Uint8Array, Uint8Array];
  const splitter = new AdtsSplitter();
  assert.equal(splitter.push(a).length, 0);
  assert.equal(splitter.push(b).length, 2);
  assert.equal(splitter.push(c.subarray(0, c.length - 1)).length, 0);
  assert.equal(splitter.push(c.subarray(c.length - 1)).length, 1);
  assert.equal(splitter.push(adtsFrame({ ...lc, frameBytes: 8191 })).length, 1);
});

test('several raw data blocks make a longer frame', () => {
  const result = run(Buffer.concat(framesOf(3, { ...lc, rateIndex: 3, rawBlocks: 3 })));
  assert.deepEqual(
    result.frames.map((f) => f.durationUs),
    [64000, 64000, 64000],
  );
});

test('channels that stand in the data are left out of the format', () => {
  const splitter = new AdtsSplitter();
  splitter.push(Buffer.concat(framesOf(3)));
  assert.equal(splitter.format.channels, 2);
  splitter.push(Buffer.concat(framesOf(3, { ...lc, channelConfig: 0 })));
  assert.equal('channels' in splitter.format, false);
});

test('the bitrate follows the last seconds', () => {
  const splitter = new AdtsSplitter();
  const frames = (count: number, frameBytes: number): Uint8Array =>
    Buffer.concat(
      Array.from({ length: count }, (_, i) => adtsFrame({ rateIndex: 3, channelConfig: 2, frameBytes }, i)),
    );
  splitter.push(frames(100, 341));
  assert.equal(splitter.format.bitrateKbps, 128);
  splitter.push(frames(3000, 171));
  assert.equal(splitter.format.bitrateKbps, 64);
});

test('a change of rate or channels without a tag costs nothing', () => {
  const frames = [
    ...framesOf(4),
    ...framesOf(4, { ...lc, rateIndex: 7 }),
    ...framesOf(4, { ...lc, channelConfig: 1 }),
  ];
  const result = run(Buffer.concat(frames), [200]);
  assertFrames(result, frames);
  assert.deepEqual(result.stats, { frames: 12, skippedBytes: 0, resyncs: 0 });
});

test('a frame of length zero, or of a header alone, is skipped as one loss', () => {
  for (const length of [0, 6, 7]) {
    const empty = Uint8Array.of(0xff, 0xf1, 0x50, 0x80, 0, (length << 5) | 0x1f, 0xfc);
    const frames = framesOf(6);
    const result = run(Buffer.concat([...frames.slice(0, 3), empty, ...frames.slice(3)]), [64]);
    assertFrames(result, frames);
    assert.deepEqual(result.stats, { frames: 6, skippedBytes: 7, resyncs: 1 });
  }
});

test('a damaged length does not swallow the frames behind it', () => {
  const frames = framesOf(40);
  const input = Buffer.concat(frames);
  const damaged = frames.slice(0, 10).reduce((sum, f) => sum + f.length, 0);
  input[damaged + 3]! |= 3;
  const result = run(input, [500]);
  assertFrames(result, frames.toSpliced(10, 1));
  assert.equal(result.stats.resyncs, 1);
});

test('a frame that is cut off by the end of the stream is counted as skipped, not given out', () => {
  const result = run(Buffer.concat([adtsFrame(lc), adtsFrame(lc), adtsFrame(lc)]).subarray(0, 371 * 3 - 10));
  assert.deepEqual(result.stats, { frames: 2, skippedBytes: 361, resyncs: 0 });
});

test('whatever comes in, at most 17 KiB are held back', () => {
  const hostile = [
    adtsFrame({ ...lc, frameBytes: 8191 }).subarray(0, 7),
    adtsFrame({ ...lc, frameBytes: 8191 }).subarray(0, 11),
    adtsFrame({ ...lc, frameBytes: 8 }),
    Uint8Array.of(0xff),
  ];
  for (const pattern of hostile) {
    const input = Buffer.alloc(200_000, pattern);
    const splitter = new AdtsSplitter();
    let pushed = 0;
    let given = 0;
    for (let at = 0; at < input.length; at += 5000) {
      for (const event of splitter.push(input.subarray(at, at + 5000))) {
        if (event.type === 'frame') given += event.data.length;
      }
      pushed += 5000;
      assert.ok(pushed - given - splitter.stats.skippedBytes <= 17 * 1024);
    }
  }
});

type Piece = { readonly bytes: Uint8Array; readonly kind: 'frame' | 'tag' | 'id3v1' | 'garbage' };

const specs = fc.record({
  rateIndex: fc.nat(12),
  channelConfig: fc.nat(7),
  profile: fc.nat(3),
  isMpeg2: fc.boolean(),
  hasCrc: fc.boolean(),
  rawBlocks: fc.integer({ min: 1, max: 4 }),
});

const frameLengths = fc.array(
  fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 10, max: 900 }) }, fc.constant(8191)),
  {
    minLength: 2,
    maxLength: 8,
  },
);

const file: fc.Arbitrary<Piece[]> = fc.tuple(specs, frameLengths, fc.nat(999)).map(([spec, lengths, seed]) =>
  lengths.map((frameBytes, i) => ({
    bytes: adtsFrame({ ...spec, frameBytes }, seed + i),
    kind: 'frame' as const,
  })),
);

const tag: fc.Arbitrary<Piece[]> = fc.oneof(
  fc
    .tuple(fc.nat(3000), fc.boolean())
    .map(([size, hasFooter]) => [{ bytes: id3v2Tag(size, hasFooter), kind: 'tag' as const }]),
  fc.constant(id3v1Tag()).map((bytes) => [{ bytes, kind: 'id3v1' as const }]),
  fc.nat(300).map((size) => [{ bytes: apeTag(size), kind: 'tag' as const }]),
);

const garbage: fc.Arbitrary<Piece[]> = fc
  .tuple(fc.integer({ min: 1, max: 2000 }), fc.nat(99))
  .map(([length, seed]) => [{ bytes: filler(length, seed), kind: 'garbage' as const }]);

const cuts = fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 8 });

test('any stream of files, tags and garbage, cut anywhere, gives all its frames', () => {
  const streams = fc
    .array(fc.oneof({ weight: 3, arbitrary: file }, tag, garbage), { minLength: 1, maxLength: 6 })
    .map((files) => files.flat());
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
      assert.deepEqual(digestOf(run(input, pieceLengths)), digestOf(whole));
    }),
    { numRuns: 150 },
  );
});

test('garbage never throws, and gives the same in any split', () => {
  const noise = fc
    .array(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc
          .constantFrom(
            'ff',
            'fff1',
            'fff150800',
            'fff15080011ffc',
            'fff15080041ffc',
            'fff15083ffffff',
            '494433',
            '544147',
            '41',
          )
          .map((hex) => Buffer.from(hex, 'hex')),
        fc.nat(200).map((length) => filler(length)),
        fc.constantFrom(1, 25).map((length) => filler(length)),
      ),
      { maxLength: 120 },
    )
    .map((parts) => Buffer.concat(parts));
  fc.assert(
    fc.property(noise, cuts, (input, pieceLengths) => {
      const whole = run(input);
      const givenBytes = whole.frames.reduce((sum, f) => sum + f.data.length, 0);
      assert.ok(givenBytes + whole.stats.skippedBytes <= input.length);
      assert.deepEqual(digestOf(run(input, pieceLengths)), digestOf(whole));
      assert.deepEqual(digestOf(run(input, [1])), digestOf(whole));
    }),
    { numRuns: 200 },
  );
});

test('damage costs the frames that it touches and their neighbours, no others', () => {
  const damage = fc.record({
    spec: specs,
    lengths: fc.array(fc.integer({ min: 100, max: 700 }), { minLength: 30, maxLength: 40 }),
    at: fc.double({ min: 0.05, max: 0.999, noNaN: true }),
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 600, max: 0xfe }),
      fc.constant(new Uint8Array(0)),
    ),
    flippedBit: fc.nat(55),
  });
  fc.assert(
    fc.property(damage, cuts, ({ spec, lengths, at, bytes, flippedBit }, pieceLengths) => {
      const frames = lengths.map((frameBytes, i) => adtsFrame({ ...spec, frameBytes }, i));
      const starts = frames.map((_, i) => lengths.slice(0, i).reduce((sum, n) => sum + n, 0));
      const input = Buffer.concat(frames);
      let from = Math.floor(at * input.length);
      let to = Math.min(from + bytes.length, input.length);
      if (bytes.length > 0) {
        input.set(bytes.subarray(0, to - from), from);
      } else {
        // One bit of a header.
        from = starts[Math.floor(at * frames.length)]! + (flippedBit >> 3);
        to = from + 1;
        input[from]! ^= 1 << (flippedBit & 7);
      }
      const found = new Set(
        run(input, pieceLengths).frames.map((f) => Buffer.from(f.data).toString('latin1')),
      );
      const longest = Math.max(...lengths);
      frames.forEach((original, i) => {
        const isNear = starts[i]! + lengths[i]! > from - longest && starts[i]! < to + 2 * longest;
        // A length that points beyond the end of the input waits for bytes that never come.
        const isLast = starts[i]! + 8191 > input.length;
        assert.ok(isNear || isLast || found.has(Buffer.from(original).toString('latin1')), `frame ${i}`);
      });
    }),
    { numRuns: 200 },
  );
});
