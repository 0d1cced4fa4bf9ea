import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ascii, forgeStreamInfo } from '../../../../test/fixtures/audio/forge-containers.ts';
import { readAudioFixture } from '../../../../test/fixtures/audio/replay-splitter.ts';
import { replayTrack } from '../../../../test/fixtures/audio/replay-track.ts';
import { parseAdtsHeader } from '../codecs/adts-header.ts';
import { advanceFlacCrc16 } from '../codecs/flac-crc.ts';
import { type Codec, codecs } from '../codecs/frame-splitter.ts';
import { parseMp3Header } from '../codecs/mp3-header.ts';
import type { Chunk } from '../sources/chunker.ts';
import { MediaPipeline } from '../sources/media-pipeline.ts';
import { measureOpusPacket } from './opus-track.ts';
import type { HlsContainer, Sample } from './track.ts';
import { containersOf, createTrackReader, type TrackEvent } from './track-reader.ts';

type Fixture = {
  readonly name: string;
  readonly codec: Codec;
  readonly container: HlsContainer;
  readonly isWhole: (sample: Sample) => boolean;
};

const isWholeMp3 = ({ data, durationTicks }: Sample) => {
  const header = parseMp3Header(data);
  return header?.frameBytes === data.length && header.samples === durationTicks;
};
const isWholeAdts = ({ data, durationTicks }: Sample) => {
  const header = parseAdtsHeader(data);
  return header?.frameBytes === data.length && header.samples === durationTicks;
};
const isWholeFlac = ({ data, durationTicks }: Sample) =>
  data[0] === 0xff && advanceFlacCrc16(0, data, 0, data.length) === 0 && durationTicks > 0;
const isWholeOpus = ({ data, durationTicks }: Sample) =>
  measureOpusPacket(data) === durationTicks && durationTicks > 0;

const fixtures: readonly Fixture[] = [
  { name: 'mp3-44100-stereo-cbr128.mp3', codec: 'mp3', container: 'packed', isWhole: isWholeMp3 },
  { name: 'mp3-44100-stereo-vbr.mp3', codec: 'mp3', container: 'packed', isWhole: isWholeMp3 },
  { name: 'mp3-22050-mono-mpeg2.mp3', codec: 'mp3', container: 'packed', isWhole: isWholeMp3 },
  { name: 'aac-44100-stereo-lc.aac', codec: 'aac', container: 'packed', isWhole: isWholeAdts },
  {
    name: 'aac-24000-mono-id3.aac',
    codec: 'aac',
    container: 'fmp4',
    isWhole: ({ data, durationTicks }) => data.length > 0 && durationTicks === 1024,
  },
  { name: 'opus.ogg', codec: 'ogg-opus', container: 'fmp4', isWhole: isWholeOpus },
  { name: 'flac.oga', codec: 'ogg-flac', container: 'fmp4', isWhole: isWholeFlac },
  { name: 'native.flac', codec: 'flac', container: 'fmp4', isWhole: isWholeFlac },
];

/** A configuration first, gaps only after a sample, and no two of them or of the same configuration in a row. */
function expectOrder(events: readonly TrackEvent[]): void {
  let afterSample = false;
  let hasConfig = false;
  for (const event of events) {
    if (event.type === 'config') hasConfig = true;
    if (event.type === 'gap') assert.ok(afterSample, 'a gap follows a sample');
    if (event.type === 'sample') assert.ok(hasConfig, 'a configuration comes first');
    if (event.type !== 'config') afterSample = event.type === 'sample';
  }
}

/** A small generator with a seed, so that a failure can be had again. */
function createDice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function damage(input: Uint8Array, seed: number): Uint8Array {
  const roll = createDice(seed);
  const pieces: Uint8Array[] = [];
  // The beginning, from which the codec is told, stays whole.
  let at = 2_000;
  pieces.push(input.subarray(0, at));
  while (at < input.length) {
    const piece = Uint8Array.from(input.subarray(at, at + 200 + roll(6_000)));
    at += piece.length;
    const kind = roll(4);
    if (kind === 0) piece[roll(piece.length)]! ^= 1 << roll(8);
    else if (kind === 1) at += roll(1_500);
    else if (kind === 2) at -= Math.min(roll(300), piece.length - 1);
    else for (let n = roll(20); n > 0; n--) piece[roll(piece.length)] = roll(256);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

test('a codec has readers for exactly the containers it can be carried in', () => {
  const carried = Object.fromEntries(codecs.map((codec) => [codec, containersOf(codec)]));
  assert.deepEqual(carried, {
    mp3: ['packed'],
    aac: ['packed', 'fmp4'],
    'ogg-opus': ['fmp4'],
    'ogg-flac': ['fmp4'],
    flac: ['fmp4'],
    'ogg-vorbis': [],
    'ogg-speex': [],
    ogg: [],
    matroska: [],
    opaque: [],
  });
  for (const codec of codecs) {
    for (const container of ['packed', 'fmp4'] as const) {
      const isCarried = containersOf(codec).includes(container);
      assert.equal(createTrackReader(codec, container) !== undefined, isCarried, `${codec} as ${container}`);
    }
  }
});

for (const { name, codec, container, isWhole } of fixtures) {
  test(`${name} as ${container} gives the same samples however it is cut, and refuses none`, () => {
    const input = readAudioFixture(name);
    const whole = replayTrack(input, codec, container);
    assert.deepEqual([whole.configs.length, whole.gaps, whole.refused], [1, 0, 0]);
    assert.ok(whole.samples.length >= 10 && whole.samples.every(isWhole));
    expectOrder(whole.events);
    const digest = Buffer.concat(whole.samples.map(({ data }) => data));
    const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(cuts, (list) => {
        const { samples } = replayTrack(input, codec, container, list);
        assert.equal(samples.length, whole.samples.length);
        assert.ok(Buffer.concat(samples.map(({ data }) => data)).equals(digest));
      }),
      { numRuns: 6 },
    );
  });

  test(`${name} damaged by chance as ${container} gives whole frames only`, () => {
    const input = readAudioFixture(name);
    let kept = 0;
    for (let seed = 1; seed <= 25; seed++) {
      const { samples, events } = replayTrack(damage(input, seed), codec, container, [1 + seed * 97]);
      kept += samples.length;
      assert.ok(samples.every(isWhole), `seed ${seed}`);
      expectOrder(events);
    }
    assert.ok(kept >= 25, `${kept} samples`);
  });

  test(`${name} damaged after the pipeline as ${container} gives whole frames only, and counts the others`, () => {
    const given: (Pick<Chunk, 'data' | 'frameBytes'> | { readonly headers: Uint8Array })[] = [];
    const pipeline = new MediaPipeline(undefined, {
      chunk: (chunk) => given.push(chunk),
      headers: (headers) => given.push({ headers }),
      tags() {},
      format() {},
    });
    pipeline.push(readAudioFixture(name));
    pipeline.end();
    let refused = 0;
    for (let seed = 1; seed <= 10; seed++) {
      const roll = createDice(seed);
      const reader = createTrackReader(codec, container)!;
      const events = given.flatMap((item) => {
        if ('headers' in item) return reader.headers(item.headers, true);
        const data = Uint8Array.from(item.data);
        if (roll(3) === 0) data[roll(data.length)]! ^= 1 << roll(8);
        const frameBytes =
          roll(8) === 0 ? item.frameBytes.map((length) => length + roll(2)) : item.frameBytes;
        return reader.chunk({ data, frameBytes });
      });
      assert.ok(
        events.every((event) => event.type !== 'sample' || isWhole(event.sample)),
        `seed ${seed}`,
      );
      expectOrder(events);
      refused += reader.stats.refused;
    }
    assert.ok(refused > 0);
  });
}

test('whatever bytes come under whatever lengths, no reader throws or gives more than it got', () => {
  const beginnings = fc.constantFrom(
    Uint8Array.of(0xff, 0xfb, 0x90, 0x40),
    Uint8Array.of(0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc),
    Uint8Array.of(0xff, 0xf8, 0xc9, 0x18, 0),
    ascii('OggS\0\x02'),
    ascii('OpusHead\x01\x02'),
    Buffer.concat([ascii('fLaC'), forgeStreamInfo()]),
    new Uint8Array(0),
  );
  const bytes = fc
    .tuple(beginnings, fc.uint8Array({ maxLength: 400 }))
    .map(([beginning, rest]) => Buffer.concat([beginning, rest]));
  const step = fc.record({
    data: bytes,
    isHeaders: fc.boolean(),
    inBand: fc.boolean(),
    lengths: fc.option(fc.array(fc.double({ min: -10, max: 500 }), { maxLength: 4 }), { nil: undefined }),
  });
  const kinds = codecs.flatMap((codec) =>
    containersOf(codec).map((container) => [codec, container] as const),
  );
  fc.assert(
    fc.property(fc.constantFrom(...kinds), fc.array(step, { maxLength: 12 }), ([codec, container], steps) => {
      const reader = createTrackReader(codec, container)!;
      for (const { data, isHeaders, inBand, lengths } of steps) {
        const events = isHeaders
          ? reader.headers(data, inBand)
          : reader.chunk({ data, frameBytes: lengths?.map(Math.round) ?? [data.length] });
        const given = events.reduce(
          (sum, event) => sum + (event.type === 'sample' ? event.sample.data.length : 0),
          0,
        );
        assert.ok(given <= data.length);
      }
    }),
    { numRuns: 400 },
  );
});
