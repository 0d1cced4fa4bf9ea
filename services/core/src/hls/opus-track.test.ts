import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filler, forgeOggPage } from '../../../../test/fixtures/audio/forge-containers.ts';
import { readAudioFixture } from '../../../../test/fixtures/audio/replay-splitter.ts';
import { replayTrack } from '../../../../test/fixtures/audio/replay-track.ts';
import { measureOpusPacket, OpusTrack, parseOpusHead } from './opus-track.ts';
import type { TrackEvent } from './track-reader.ts';

type HeadSpec = {
  channels?: number;
  preSkip?: number;
  family?: number;
  mapping?: readonly number[];
  version?: number;
};

function forgeOpusHead({
  channels = 2,
  preSkip = 312,
  family = 0,
  mapping = [],
  version = 1,
}: HeadSpec = {}) {
  const head = Buffer.alloc(19 + mapping.length);
  head.write('OpusHead', 'latin1');
  head[8] = version;
  head[9] = channels;
  head.writeUInt16LE(preSkip, 10);
  head.writeUInt32LE(44_100, 12);
  head.writeInt16LE(-256, 16);
  head[18] = family;
  head.set(mapping, 19);
  return head;
}

const headersOf = (serial: number, spec?: HeadSpec) =>
  Buffer.concat([
    forgeOggPage({ serial, flags: 2, packets: [forgeOpusHead(spec)] }),
    forgeOggPage({ serial, sequence: 1, packets: [Buffer.from('OpusTags and more')] }),
  ]);
const packet = (seed: number) => Buffer.concat([Uint8Array.of(0xfc), filler(20, seed)]);
const page = (serial: number, sequence: number, ...packets: readonly Uint8Array[]) =>
  forgeOggPage({ serial, sequence, packets });
const chunkOf = (...pages: readonly Uint8Array[]) => ({
  data: Buffer.concat(pages),
  frameBytes: pages.map(({ length }) => length),
});
const typesOf = (events: readonly TrackEvent[]) => events.map(({ type }) => type);

test('the first bytes of a packet tell how long it plays', () => {
  const cases: readonly (readonly [bytes: readonly number[], ticks: number])[] = [
    ...[480, 960, 1920, 2880].map((ticks, index) => [[index << 3], ticks] as const),
    ...[480, 960, 1920, 2880].map((ticks, index) => [[(8 + index) << 3], ticks] as const),
    ...[480, 960, 480, 960].map((ticks, index) => [[(12 + index) << 3], ticks] as const),
    ...[120, 240, 480, 960].map((ticks, index) => [[(16 + index) << 3], ticks] as const),
    ...[120, 240, 480, 960].map((ticks, index) => [[((28 + index) << 3) | 4], ticks] as const),
    [[(31 << 3) | 1], 1920],
    [[(31 << 3) | 2], 1920],
    [[(3 << 3) | 1], 5760],
    [[(16 << 3) | 3, 48], 5760],
    [[(16 << 3) | 3, 49], 0],
    [[(31 << 3) | 3, 0xc0 | 6], 5760],
    [[(31 << 3) | 3, 7], 0],
    [[(31 << 3) | 3, 0xc0], 0],
    [[(31 << 3) | 3], 0],
    [[(3 << 3) | 3, 3], 0],
    [[], 0],
  ];
  for (const [bytes, ticks] of cases)
    assert.equal(measureOpusPacket(Uint8Array.from(bytes)), ticks, `${bytes}`);
});

test('the configuration is what OpusHead tells', () => {
  assert.deepEqual(parseOpusHead(forgeOpusHead()), {
    codec: 'opus',
    timescale: 48_000,
    channels: 2,
    preSkip: 312,
    inputSampleRateHz: 44_100,
    outputGain: -256,
    mappingFamily: 0,
    mapping: new Uint8Array(0),
  });
  const surround = [4, 2, 0, 4, 1, 2, 3, 5];
  const found = parseOpusHead(forgeOpusHead({ channels: 6, family: 1, mapping: surround }));
  assert.deepEqual(
    [found?.channels, found?.mappingFamily, found?.mapping],
    [6, 1, Uint8Array.from(surround)],
  );
  const silent = parseOpusHead(forgeOpusHead({ channels: 2, family: 255, mapping: [1, 0, 0, 255] }));
  assert.deepEqual(silent?.mapping, Uint8Array.of(1, 0, 0, 255));
});

test('an OpusHead that no decoder could be set up for is none', () => {
  const bad = [
    forgeOpusHead().subarray(0, 18),
    forgeOpusHead({ version: 16 }),
    forgeOpusHead({ channels: 0 }),
    forgeOpusHead({ channels: 3 }),
    forgeOpusHead({ channels: 9, family: 1, mapping: [9, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8] }),
    forgeOpusHead({ channels: 2, family: 1, mapping: [1, 1, 0] }),
    forgeOpusHead({ channels: 2, family: 1, mapping: [0, 0, 0, 1] }),
    forgeOpusHead({ channels: 2, family: 1, mapping: [1, 2, 0, 1] }),
    forgeOpusHead({ channels: 2, family: 1, mapping: [1, 1, 0, 2] }),
    forgeOpusHead({ channels: 4, family: 3, mapping: [4, 0, 0, 0, 0, 0] }),
    Buffer.from('OpusTags and some more bytes'),
  ];
  for (const [index, head] of bad.entries()) assert.equal(parseOpusHead(head), undefined, `case ${index}`);
});

test('an equal OpusHead is no news, whether repeated or of a new link; a different one is', () => {
  const track = new OpusTrack();
  assert.deepEqual(typesOf(track.headers(headersOf(1), true)), ['config']);
  assert.deepEqual(typesOf(track.chunk(chunkOf(page(1, 2, packet(1), packet(2))))), ['sample', 'sample']);
  assert.deepEqual(track.headers(headersOf(1), false), []);
  assert.deepEqual(typesOf(track.chunk(chunkOf(page(1, 3, packet(3))))), ['sample']);
  assert.deepEqual(track.headers(headersOf(2), true), []);
  assert.deepEqual(typesOf(track.chunk(chunkOf(page(2, 2, packet(4))))), ['sample']);
  assert.deepEqual(typesOf(track.headers(headersOf(3, { preSkip: 100 }), true)), ['config']);
  assert.deepEqual(typesOf(track.chunk(chunkOf(page(3, 2, packet(5))))), ['sample']);
  assert.equal(track.stats.refused, 0);
});

test('missing pages, broken packets and unfinished ones part the samples, once each', () => {
  const track = new OpusTrack();
  track.headers(headersOf(1), true);
  const events = track.chunk(chunkOf(page(1, 2, packet(1)), page(1, 4, packet(2))));
  assert.deepEqual(typesOf(events), ['sample', 'gap', 'sample']);
  assert.equal(track.stats.refused, 0, 'what never came was not refused');
  const bad = [new Uint8Array(0), Uint8Array.of(0xff, 7)];
  assert.deepEqual(typesOf(track.chunk(chunkOf(page(1, 5, packet(3), ...bad, packet(4))))), [
    'sample',
    'gap',
    'sample',
  ]);
  assert.equal(track.stats.refused, 2);
  const unfinished = forgeOggPage({ serial: 1, sequence: 6, packets: [filler(300)] });
  const cut = unfinished.subarray(0, 27 + 1);
  assert.deepEqual(typesOf(track.chunk({ data: cut, frameBytes: [cut.length] })), ['gap']);
  assert.equal(track.stats.refused, 3);
});

test('without headers in force no page is taken', () => {
  const track = new OpusTrack();
  assert.deepEqual(track.chunk(chunkOf(page(1, 2, packet(1)))), []);
  track.headers(headersOf(1), true);
  track.chunk(chunkOf(page(1, 2, packet(1))));
  assert.deepEqual(track.headers(new Uint8Array(0), false), []);
  assert.deepEqual(typesOf(track.chunk(chunkOf(page(1, 3, packet(1))))), ['gap']);
  assert.equal(track.stats.refused, 2);
});

test('a stream that is joined in its middle begins with its first whole packet', () => {
  const track = new OpusTrack();
  assert.deepEqual(typesOf(track.headers(headersOf(1), false)), ['config']);
  const joined = forgeOggPage({ serial: 1, sequence: 900, flags: 1, packets: [filler(9), packet(1)] });
  assert.deepEqual(typesOf(track.chunk(chunkOf(joined))), ['sample']);
});

test('links of the same encoder follow each other without a gap', () => {
  const file = readAudioFixture('opus.ogg');
  const once = replayTrack(file, 'ogg-opus', 'fmp4', [1000]);
  const twice = replayTrack(Buffer.concat([file, file]), 'ogg-opus', 'fmp4', [777]);
  assert.equal(twice.samples.length, 2 * once.samples.length);
  assert.deepEqual([twice.configs.length, twice.gaps, twice.refused], [1, 0, 0]);
});
