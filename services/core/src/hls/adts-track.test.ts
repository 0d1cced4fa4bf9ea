import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AdtsSpec, adtsFrame } from '../../../../test/fixtures/audio/forge-frames.ts';
import { AdtsTrack } from './adts-track.ts';
import type { TrackEvent } from './track-reader.ts';

const lc: AdtsSpec = { rateIndex: 4, channelConfig: 2, frameBytes: 200 };
const chunkOf = (...frames: readonly Uint8Array[]) => ({
  data: Buffer.concat(frames),
  frameBytes: frames.map(({ length }) => length),
});
const samplesOf = (events: readonly TrackEvent[]) =>
  events.flatMap((event) => (event.type === 'sample' ? [event.sample] : []));

test('packed samples are the frames, MP4 samples what stands behind header and CRC', () => {
  const frames = [
    adtsFrame(lc, 1),
    adtsFrame({ ...lc, hasCrc: true }, 2),
    adtsFrame({ ...lc, isMpeg2: true }, 3),
  ];
  for (const [container, starts] of [['packed', [0, 0, 0]] as const, ['fmp4', [7, 9, 7]] as const]) {
    const events = new AdtsTrack(container).chunk(chunkOf(...frames));
    assert.deepEqual(
      samplesOf(events).map(({ data, durationTicks }) => [Buffer.from(data), durationTicks]),
      frames.map((frame, index) => [Buffer.from(frame.subarray(starts[index])), 1024]),
    );
    assert.deepEqual(
      events.map(({ type }) => type),
      ['config', 'sample', 'sample', 'sample'],
    );
  }
});

test('the configuration is what the header tells, eight channels as configuration 7', () => {
  const configOf = (spec: Partial<AdtsSpec>) => {
    const [event] = new AdtsTrack('fmp4').chunk(chunkOf(adtsFrame({ ...lc, ...spec })));
    assert.ok(event?.type === 'config' && event.config.codec === 'aac');
    const { timescale, channels, objectType, audioSpecificConfig } = event.config;
    return [timescale, channels, objectType, Buffer.from(audioSpecificConfig).toString('hex')];
  };
  assert.deepEqual(configOf({}), [44_100, 2, 2, '1210']);
  assert.deepEqual(configOf({ rateIndex: 3, channelConfig: 1 }), [48_000, 1, 2, '1188']);
  assert.deepEqual(configOf({ rateIndex: 7, channelConfig: 7 }), [22_050, 8, 2, '13b8']);
  assert.deepEqual(configOf({ profile: 0 }), [44_100, 2, 1, '0a10']);
});

test('another rate, channel configuration or object type brings a configuration before its sample', () => {
  const specs = [
    lc,
    { ...lc, isMpeg2: true },
    { ...lc, rateIndex: 3 },
    { ...lc, channelConfig: 1 },
    { ...lc, profile: 0 },
  ];
  const events = new AdtsTrack('fmp4').chunk(chunkOf(...specs.map((spec) => adtsFrame(spec))));
  assert.equal(
    events.map(({ type }) => type[0]).join(''),
    'cs' + 's' + 'cs' + 'cs' + 'cs',
    'an MPEG-2 header needs no other decoder',
  );
});

test('several raw data blocks, and channels told only in the data, are for packed audio alone', () => {
  const odd = [adtsFrame({ ...lc, rawBlocks: 3 }), adtsFrame({ ...lc, channelConfig: 0 })];
  const packed = new AdtsTrack('packed').chunk(chunkOf(...odd));
  assert.deepEqual(
    samplesOf(packed).map(({ durationTicks }) => durationTicks),
    [3072, 1024],
  );
  const track = new AdtsTrack('fmp4');
  const events = track.chunk(chunkOf(adtsFrame(lc), ...odd, adtsFrame(lc)));
  assert.deepEqual(
    events.map(({ type }) => type),
    ['config', 'sample', 'gap', 'sample'],
  );
  assert.equal(track.stats.refused, 2);
});

test('what is no whole frame is refused', () => {
  const good = adtsFrame(lc);
  const bad = [
    good.subarray(0, 199),
    Buffer.concat([good, Uint8Array.of(0)]),
    good.with(1, 0xf7),
    good.subarray(0, 6),
    adtsFrame({ ...lc, rateIndex: 13 }),
  ];
  for (const container of ['packed', 'fmp4'] as const) {
    const track = new AdtsTrack(container);
    const types = track.chunk(chunkOf(good, ...bad, good)).map(({ type }) => type);
    assert.deepEqual(types, ['config', 'sample', 'gap', 'sample']);
    assert.equal(track.stats.refused, bad.length);
    assert.deepEqual(track.headers(), []);
  }
});
