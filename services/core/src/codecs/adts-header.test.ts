import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adtsFrame } from '../../../../test/fixtures/audio/forge-frames.ts';
import { isSameAdtsStream, parseAdtsHeader } from './adts-header.ts';

const header = (hex: string) => parseAdtsHeader(Buffer.from(hex, 'hex'));

test('a common header is read field by field', () => {
  assert.deepEqual(header('fff150802b3ffc'), {
    isMpeg2: false,
    hasCrc: false,
    objectType: 2,
    sampleRateIndex: 4,
    sampleRateHz: 44100,
    channelConfig: 2,
    channels: 2,
    frameBytes: 345,
    rawBlocks: 1,
    samples: 1024,
  });
});

test('every rate, channel configuration and length is read', () => {
  const rates = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
  rates.forEach((rate, rateIndex) => {
    for (const [channelConfig, channels] of [0, 1, 2, 3, 4, 5, 6, 8].entries()) {
      for (const frameBytes of [8, 255, 256, 2047, 2048, 8191]) {
        const found = parseAdtsHeader(adtsFrame({ rateIndex, channelConfig, frameBytes }));
        assert.equal(found?.sampleRateHz, rate);
        assert.equal(found.channels, channels);
        assert.equal(found.frameBytes, frameBytes);
      }
    }
  });
});

test('MPEG-2, CRC and several raw data blocks are read', () => {
  const frame = adtsFrame({
    rateIndex: 7,
    channelConfig: 1,
    frameBytes: 300,
    isMpeg2: true,
    hasCrc: true,
    rawBlocks: 4,
  });
  const found = parseAdtsHeader(frame);
  assert.ok(found?.isMpeg2 && found.hasCrc);
  assert.equal(found.rawBlocks, 4);
  assert.equal(found.samples, 4096);
});

test('what is reserved, or too short for data, is no header', () => {
  const headers = {
    'no sync': 'ffe150802b3ffc',
    'a layer': 'fff350802b3ffc',
    'a rate beyond 7350': 'fff174802b3ffc',
    'length zero': 'fff15080001ffc',
    'length of the header alone': 'fff1508000fffc',
    'length of header and CRC alone': 'fff05080013ffc',
  };
  for (const [name, hex] of Object.entries(headers)) assert.equal(header(hex), undefined, name);
  assert.equal(header('fff15080011ffc')?.frameBytes, 8);
});

test('headers of one stream agree in object type, rate and channels, and may differ in length', () => {
  const first = header('fff150802b3ffc')!;
  assert.ok(isSameAdtsStream(first, header('fff05080ffffff')!));
  assert.ok(!isSameAdtsStream(first, header('fff14c802b3ffc')!));
  assert.ok(!isSameAdtsStream(first, header('fff150402b3ffc')!));
  assert.ok(!isSameAdtsStream(first, header('fff110802b3ffc')!));
  assert.ok(!isSameAdtsStream(first, header('fff950802b3ffc')!));
});
