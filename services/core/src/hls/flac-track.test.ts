import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ascii,
  filler,
  forgeFlacBlock,
  forgeFlacFrame,
  forgeOggPage,
  forgeStreamInfo,
} from '../../../../test/fixtures/audio/forge-containers.ts';
import { readAudioFixture } from '../../../../test/fixtures/audio/replay-splitter.ts';
import { replayTrack } from '../../../../test/fixtures/audio/replay-track.ts';
import { advanceFlacCrc16, computeFlacCrc8 } from '../codecs/flac-crc.ts';
import { FlacTrack } from './flac-track.ts';
import type { TrackEvent } from './track-reader.ts';

const nativeHeader = (rate = 44_100, channels = 2) =>
  Buffer.concat([ascii('fLaC'), forgeStreamInfo(true, rate, channels)]);
const oggHeaders = (serial: number, rate = 44_100) => {
  const first = Buffer.concat([ascii('\x7fFLAC\x01\x00\x00\x01fLaC'), forgeStreamInfo(false, rate)]);
  return Buffer.concat([
    forgeOggPage({ serial, flags: 2, packets: [first] }),
    forgeOggPage({ serial, sequence: 1, packets: [forgeFlacBlock(4, filler(20), true)] }),
  ]);
};
const frame = (number: number, codes = 0xc9) =>
  forgeFlacFrame({ number, codes, content: filler(200, number) });
const chunkOf = (...frames: readonly Uint8Array[]) => ({
  data: Buffer.concat(frames),
  frameBytes: frames.map(({ length }) => length),
});
const typesOf = (events: readonly TrackEvent[]) => events.map(({ type }) => type);
/** A frame whose byte of channels and sample size is `layout`: stereo of 16 bit is 0x18. */
function forgeLaidOut(layout: number): Uint8Array {
  const head = Uint8Array.of(0xff, 0xf8, 0xc9, layout, 0);
  const body = Buffer.concat([head, Uint8Array.of(computeFlacCrc8(head, 0, head.length)), filler(50)]);
  const crc = advanceFlacCrc16(0, body, 0, body.length);
  return Buffer.concat([body, Uint8Array.of(crc >> 8, crc & 255)]);
}

const begun = () => {
  const track = new FlacTrack('native');
  track.headers(nativeHeader(), true);
  return track;
};

test('native frames are samples as long as their header says, under the STREAMINFO of a live stream', () => {
  const track = new FlacTrack('native');
  const [event] = track.headers(nativeHeader(), true);
  assert.ok(event?.type === 'config' && event.config.codec === 'flac');
  const { streamInfo, ...rest } = event.config;
  assert.deepEqual(rest, { codec: 'flac', timescale: 44_100, channels: 2, bitsPerSample: 16 });
  assert.equal(streamInfo.length, 34);
  assert.ok(
    streamInfo.subarray(4, 10).every((byte) => byte === 0),
    'frame sizes are unknown',
  );
  assert.ok(
    streamInfo.subarray(14).every((byte) => byte === 0),
    'so are total and MD5',
  );
  const frames = [frame(0), frame(1, 0xc9), frame(2, 0x39)];
  const events = track.chunk(chunkOf(...frames));
  assert.deepEqual(
    events.map(
      (found) => found.type === 'sample' && [Buffer.from(found.sample.data), found.sample.durationTicks],
    ),
    frames.map((data, index) => [Buffer.from(data), [4096, 4096, 1152][index]]),
  );
});

test('a frame that is damaged anywhere is refused', () => {
  const good = frame(3);
  const track = begun();
  track.chunk(chunkOf(good));
  for (let at = 0; at < good.length; at++) {
    const damaged = Uint8Array.from(good);
    damaged[at] = damaged[at]! ^ (1 << (at & 7));
    assert.deepEqual(typesOf(track.chunk(chunkOf(damaged, good))), ['gap', 'sample'], `byte ${at}`);
  }
  for (const length of [0, 1, 5, 7, good.length - 1]) track.chunk(chunkOf(good.subarray(0, length), good));
  assert.equal(track.stats.refused, good.length + 4 + 2, 'one of no length takes its whole chunk with it');
});

test('a frame of another rate, number of channels, sample size or larger block than STREAMINFO says is refused', () => {
  const others = [
    frame(2, 0xca),
    forgeLaidOut(0x08),
    forgeLaidOut(0x28),
    forgeLaidOut(0x1c),
    forgeFlacFrame({ codes: 0x59 }),
  ];
  const track = begun();
  assert.deepEqual(typesOf(track.chunk(chunkOf(frame(1), ...others, frame(3)))), ['sample', 'gap', 'sample']);
  assert.equal(track.stats.refused, others.length);
  const likewise = [0x18, 0x10, 0x88, 0x98, 0xa0].map(forgeLaidOut);
  assert.deepEqual(
    typesOf(track.chunk(chunkOf(...likewise))),
    likewise.map(() => 'sample'),
  );
});

test('equal headers are no news, others are, and without any no frame is taken', () => {
  const track = begun();
  track.chunk(chunkOf(frame(0)));
  const again = nativeHeader();
  again.fill(0x55, 8 + 18);
  assert.deepEqual(track.headers(again, true), [], 'another MD5 is no other configuration');
  assert.deepEqual(typesOf(track.headers(nativeHeader(48_000), true)), ['config']);
  assert.deepEqual(typesOf(track.chunk(chunkOf(frame(1, 0xca)))), ['sample']);
  for (const none of [
    new Uint8Array(0),
    nativeHeader().subarray(0, 41),
    nativeHeader(0),
    nativeHeader().with(4, 0x84),
  ]) {
    assert.deepEqual(track.headers(none, false), []);
    track.chunk(chunkOf(frame(2, 0xca)));
  }
  assert.equal(track.stats.refused, 4);
});

test('frames come out of Ogg packets, and metadata among them is passed over', () => {
  const track = new FlacTrack('ogg');
  assert.deepEqual(typesOf(track.headers(oggHeaders(5), true)), ['config']);
  const pages = [
    forgeOggPage({
      serial: 5,
      sequence: 2,
      packets: [forgeFlacBlock(4, filler(9), true), frame(0), frame(1)],
    }),
    forgeOggPage({ serial: 5, sequence: 3, packets: [frame(2)] }),
  ];
  assert.deepEqual(typesOf(track.chunk(chunkOf(...pages))), ['sample', 'sample', 'sample']);
  assert.equal(track.stats.refused, 0);
  const damaged = frame(4);
  damaged[40] = damaged[40]! ^ 1;
  const later = [
    forgeOggPage({ serial: 5, sequence: 4, packets: [frame(3), damaged] }),
    forgeOggPage({ serial: 5, sequence: 6, packets: [frame(5)] }),
  ];
  assert.deepEqual(typesOf(track.chunk(chunkOf(...later))), ['sample', 'gap', 'sample']);
  assert.equal(track.stats.refused, 1);
});

test('Ogg links: the same format goes on, another brings a configuration', () => {
  const track = new FlacTrack('ogg');
  track.headers(oggHeaders(5), true);
  track.chunk(chunkOf(forgeOggPage({ serial: 5, sequence: 2, packets: [frame(0)] })));
  assert.deepEqual(track.headers(oggHeaders(6), true), []);
  assert.deepEqual(
    typesOf(track.chunk(chunkOf(forgeOggPage({ serial: 6, sequence: 2, packets: [frame(0)] })))),
    ['sample'],
  );
  assert.deepEqual(typesOf(track.headers(oggHeaders(7, 48_000), true)), ['config']);
});

test('real files that follow each other bring configurations where the format changes', () => {
  const input = Buffer.concat(['native.flac', 'native.flac', 'piped.flac'].map(readAudioFixture));
  const { configs, samples, gaps, refused, frames } = replayTrack(input, 'flac', 'fmp4', [1448]);
  assert.deepEqual(
    configs.map(({ timescale, channels }) => [timescale, channels]),
    [
      [44_100, 1],
      [48_000, 2],
    ],
  );
  assert.deepEqual([samples.length, frames, gaps, refused], [64, 64, 0, 0]);
});
