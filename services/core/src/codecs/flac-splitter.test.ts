import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ascii,
  filler,
  forgeFlacBlock,
  forgeFlacFrame,
  forgeStreamInfo,
} from '../../../../test/fixtures/audio/forge-containers.ts';
import {
  digestReplay,
  readAudioFixture,
  replaySplitter,
} from '../../../../test/fixtures/audio/replay-splitter.ts';
import { FlacSplitter } from './flac-splitter.ts';
import { encodeVorbisComment } from './vorbis-comment.ts';

const replay = (input: Uint8Array | readonly Uint8Array[], cuts: readonly number[] = []) =>
  replaySplitter(new FlacSplitter(), input instanceof Uint8Array ? input : Buffer.concat(input), cuts);

const marker = ascii('fLaC');
const framesOf = (count: number, length = 200) =>
  Array.from({ length: count }, (_, number) =>
    forgeFlacFrame({ number, content: filler(length + number, number) }),
  );
const begin = [marker, forgeStreamInfo()];

test('real files give as many frames and seconds as ffprobe counts', () => {
  const files = [
    {
      name: 'native.flac',
      frames: 15,
      us: 1_500_000,
      rate: 44_100,
      channels: 1,
      metadata: 26_396 - 18_150 + 42,
    },
    {
      name: 'piped.flac',
      frames: 34,
      us: 800_000,
      rate: 48_000,
      channels: 2,
      metadata: 21_206 - 12_992 + 42,
    },
  ];
  for (const { name, frames, us, rate, channels, metadata } of files) {
    const file = readAudioFixture(name);
    const found = replay(file, [1448]);
    assert.deepEqual(found.stats, { frames, skippedBytes: 0, resyncs: 0 }, name);
    assert.equal(found.durationUs, us, name);
    assert.equal(found.format.codec, 'flac');
    assert.equal(found.format.subtype, 'FLAC');
    assert.deepEqual([found.format.sampleRateHz, found.format.channels], [rate, channels], name);
    const audio = Buffer.concat(found.frames.map((frame) => frame.data));
    assert.deepEqual(audio, Buffer.from(file.subarray(metadata)), name);
    assert.ok(found.frames.every((frame) => frame.syncPoint));
    assert.deepEqual(
      found.headers.map((headers) => [headers.data.length, headers.inBand]),
      [[42, true]],
    );
  }
});

test('comments are told before the headers', () => {
  const { events } = replay(readAudioFixture('native.flac'));
  assert.deepEqual(
    events.slice(0, 3).map((event) => event.type),
    ['tags', 'headers', 'frame'],
  );
  assert.ok(events[0]?.type === 'tags' && events[0].title === 'Fixture' && events[0].artist === 'Tone');
});

test('any split of the bytes gives the same events', () => {
  const file = Buffer.concat([readAudioFixture('native.flac'), readAudioFixture('piped.flac')]);
  const whole = digestReplay(replay(file));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }), (cuts) => {
      assert.equal(digestReplay(replay(file, cuts)), whole);
    }),
    { numRuns: 20 },
  );
  assert.equal(digestReplay(replay(file, [1])), whole);
});

test('a frame is given as soon as the next one has begun', () => {
  const [first, second] = framesOf(2);
  const splitter = new FlacSplitter();
  splitter.push(Buffer.concat([...begin, first!]));
  const given = splitter.push(second!.subarray(0, 16));
  assert.deepEqual(
    given.map((event) => event.type === 'frame' && Buffer.from(event.data)),
    [first],
  );
  splitter.push(second!.subarray(16));
  assert.deepEqual(
    splitter.flush().map((event) => event.type === 'frame' && Buffer.from(event.data)),
    [second],
  );
});

test('a new marker with the same format brings tags but no new headers', () => {
  const comment = forgeFlacBlock(4, encodeVorbisComment('', ['TITLE=next']), true);
  const again = [marker, forgeStreamInfo(false), comment];
  const found = replay([...begin, ...framesOf(3), ...again, ...framesOf(2)]);
  assert.deepEqual(
    found.events.map((event) => event.type),
    ['headers', 'frame', 'frame', 'frame', 'tags', 'frame', 'frame'],
  );
  assert.equal(found.tags[0]?.title, 'next');
  assert.equal(found.stats.skippedBytes, 0);
});

test('a new marker with another format brings headers in their place', () => {
  const found = replay([...begin, ...framesOf(3), marker, forgeStreamInfo(true, 48_000, 1), ...framesOf(2)]);
  assert.deepEqual(
    found.headers.map((headers) => headers.inBand),
    [true, true],
  );
  assert.equal(
    found.events.findLastIndex((event) => event.type === 'headers'),
    4,
  );
  assert.deepEqual([found.format.sampleRateHz, found.format.channels], [48_000, 1]);
});

test('totals and checksums that differ are no other format', () => {
  const info = forgeStreamInfo();
  info.fill(0x77, 22);
  const found = replay([...begin, ...framesOf(1), marker, info, ...framesOf(1)]);
  assert.equal(found.headers.length, 1);
  assert.equal(found.frames.length, 2);
});

test('pictures of the largest size are passed over', () => {
  const splitter = new FlacSplitter();
  splitter.push(Buffer.concat([marker, forgeStreamInfo(false), Uint8Array.of(0x86, 0xff, 0xff, 0xff)]));
  for (let left = 0xffffff; left > 0; left -= 65_536)
    assert.deepEqual(splitter.push(new Uint8Array(Math.min(left, 65_536))), []);
  const found = [...splitter.push(Buffer.concat(framesOf(2))), ...splitter.flush()];
  assert.equal(found.length, 2);
  assert.equal(splitter.stats.skippedBytes, 0);
});

test('a damaged frame costs itself alone', () => {
  const frames = framesOf(8);
  const input = Buffer.concat([...begin, ...frames]);
  const from = 42 + frames[0]!.length;
  const to = input.length - frames.at(-1)!.length;
  fc.assert(
    fc.property(
      fc.integer({ min: from, max: to - 1 }),
      fc.integer({ min: 1, max: 255 }),
      fc.integer({ min: 1, max: 500 }),
      (at, flip, cut) => {
        const damaged = Uint8Array.from(input);
        damaged[at] = damaged[at]! ^ flip;
        const found = replay(damaged, [cut]);
        // A damaged header also takes the place where the frame before it is known to end.
        assert.ok(found.stats.frames >= 6 && found.stats.frames <= 7, String(found.stats.frames));
        assert.equal(found.output.length + found.stats.skippedBytes, input.length);
      },
    ),
    { numRuns: 100 },
  );
});

test('a header that only looks like one does not end a frame', () => {
  const inner = forgeFlacFrame({ number: 9, content: filler(30) });
  const frame = forgeFlacFrame({
    content: Buffer.concat([filler(50), inner, marker, forgeStreamInfo(), filler(50)]),
  });
  const found = replay([...begin, frame, ...framesOf(1)]);
  assert.deepEqual(
    found.frames.map(({ data }) => data.length),
    [frame.length, framesOf(1)[0]!.length],
  );
});

test('a frame that never ends is given up at its uncompressed size', () => {
  const endless = forgeFlacFrame().subarray(0, 6);
  const splitter = new FlacSplitter();
  splitter.push(Buffer.concat([...begin, endless, filler(3000)]));
  assert.equal(splitter.stats.resyncs, 0);
  splitter.push(filler(16_000));
  assert.equal(splitter.stats.resyncs, 1);
  assert.equal(splitter.push(Buffer.concat(framesOf(3))).length, 2);
});

test('a size told by STREAMINFO bounds a frame sooner', () => {
  const endless = forgeFlacFrame().subarray(0, 6);
  const splitter = new FlacSplitter();
  splitter.push(Buffer.concat([marker, forgeStreamInfo(true, 44_100, 2, 500), endless, filler(600)]));
  assert.equal(splitter.stats.resyncs, 1);
});

test('many false headers within a frame are given up together', () => {
  const head = forgeFlacFrame({ codes: 0xf9 }).subarray(0, 6);
  const heads = Buffer.concat(Array.from({ length: 60_000 }, () => head));
  const found = replay([...begin, heads, filler(200_000), ...framesOf(3)], [50_000]);
  assert.equal(found.frames.length, 3);
});

test('without a marker nothing is given', () => {
  const found = replay(Buffer.concat(framesOf(3)));
  assert.deepEqual(found.events, []);
  assert.equal(found.stats.skippedBytes, Buffer.concat(framesOf(3)).length);
});

test('garbage in front and between is passed over and counted', () => {
  const junk = filler(1000);
  const [first, second, third] = framesOf(3);
  const found = replay([junk, ...begin, first!, second!, junk, third!]);
  // The end of the second frame is not told by a following header.
  assert.deepEqual(
    found.frames.map(({ data }) => Buffer.from(data)),
    [first, third],
  );
  assert.equal(
    found.output.length + found.stats.skippedBytes,
    1000 + 42 + Buffer.concat([first!, second!, junk, third!]).length,
  );
});

test('a source that stops within a frame loses only that frame', () => {
  const input = Buffer.concat([...begin, ...framesOf(3)]);
  const found = replay(input.subarray(0, -50));
  assert.equal(found.frames.length, 2);
  assert.equal(found.stats.resyncs, 0);
  assert.equal(found.output.length + found.stats.skippedBytes, input.length - 50);
});

test('after metadata that cannot be, frames are looked for with the STREAMINFO that was there', () => {
  for (const bad of [
    Uint8Array.of(0x7f, 0, 0, 9),
    Uint8Array.of(0x66, 0x4c, 0x61, 0x43),
    forgeStreamInfo(),
  ]) {
    const found = replay([marker, forgeStreamInfo(false), bad, filler(9), ...framesOf(3)]);
    assert.deepEqual(
      found.events.map((event) => event.type),
      ['headers', 'frame', 'frame', 'frame'],
    );
    assert.equal(found.stats.skippedBytes, bad.length + 9);
  }
});

test('a STREAMINFO without a rate does not take the place of the one in force', () => {
  const bad = [marker, forgeStreamInfo(true, 0)];
  const found = replay([...begin, ...framesOf(2), ...bad, ...framesOf(2)]);
  assert.equal(found.headers.length, 1);
  assert.equal(found.frames.length, 4);
});

test('garbage never throws, and any split of it gives the same', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.constantFrom(
      marker,
      forgeStreamInfo(),
      forgeStreamInfo(false),
      ...framesOf(2, 20),
      forgeFlacFrame().subarray(0, 6),
    ),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (pieces, cuts) => {
        assert.equal(digestReplay(replay(pieces, cuts)), digestReplay(replay(pieces)));
      },
    ),
    { numRuns: 200 },
  );
});
