import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Mp3Spec,
  mp3Frame,
  mp3FrameBytes,
  mp3RateHz,
  mp3Samples,
} from '../../../../test/fixtures/audio/forge-frames.ts';
import { isSameMp3Stream, parseMp3Header, withFreeFormatLength } from './mp3-header.ts';

test('a common header is read field by field', () => {
  assert.deepEqual(parseMp3Header(Uint8Array.of(0, 0xff, 0xfb, 0x90, 0x64), 1), {
    version: 1,
    layer: 3,
    hasCrc: false,
    isFreeFormat: false,
    bitrateKbps: 128,
    sampleRateHz: 44100,
    paddingBytes: 0,
    channelMode: 'joint',
    channels: 2,
    sideInfoBytes: 32,
    frameBytes: 417,
    samples: 1152,
    durationUs: 26122,
  });
});

test('every version, rate, bitrate, padding and mode gives its length', () => {
  for (const version of [1, 2, 2.5] as const) {
    for (const rateIndex of [0, 1, 2]) {
      for (let bitrateIndex = 1; bitrateIndex < 15; bitrateIndex++) {
        for (const padding of [0, 1] as const) {
          const spec: Mp3Spec = { version, rateIndex, bitrateIndex, padding, mode: 3 };
          const header = parseMp3Header(mp3Frame(spec));
          assert.equal(header?.frameBytes, mp3FrameBytes(spec), JSON.stringify(spec));
          assert.equal(header.sampleRateHz, mp3RateHz(spec));
          assert.equal(header.samples, mp3Samples(spec));
          assert.equal(header.sideInfoBytes, version === 1 ? 17 : 9);
        }
      }
    }
  }
});

test('known lengths: the largest and smallest frames of each version', () => {
  const lengthOf = (...bytes: number[]): number | undefined =>
    parseMp3Header(Uint8Array.from(bytes))?.frameBytes;
  assert.equal(lengthOf(0xff, 0xfb, 0xea, 0x00), 1441);
  assert.equal(lengthOf(0xff, 0xfb, 0x14, 0x00), 96);
  assert.equal(lengthOf(0xff, 0xf3, 0x80, 0xc0), 208);
  assert.equal(lengthOf(0xff, 0xe3, 0xe8, 0xc0), 1440);
  assert.equal(lengthOf(0xff, 0xe3, 0x10, 0xc0), 52);
});

test('what is reserved, another layer or no sync is no header', () => {
  const headers = {
    'no sync': [0xfe, 0xfb, 0x90, 0x64],
    'half a sync': [0xff, 0x7b, 0x90, 0x64],
    'reserved version': [0xff, 0xeb, 0x90, 0x64],
    'reserved layer': [0xff, 0xf9, 0x90, 0x64],
    'layer II': [0xff, 0xfd, 0x90, 0x64],
    'layer I': [0xff, 0xff, 0x90, 0x64],
    'bad bitrate': [0xff, 0xfb, 0xf0, 0x64],
    'reserved rate': [0xff, 0xfb, 0x9c, 0x64],
  };
  for (const [name, bytes] of Object.entries(headers)) {
    assert.equal(parseMp3Header(Uint8Array.from(bytes)), undefined, name);
  }
});

test('a free format header has no length until it is measured', () => {
  const header = parseMp3Header(Uint8Array.of(0xff, 0xfa, 0x02, 0x00));
  assert.ok(header?.isFreeFormat && header.hasCrc);
  assert.equal(header.frameBytes, 0);
  assert.equal(header.bitrateKbps, 0);
  const measured = withFreeFormatLength(header, 2090);
  assert.equal(measured.frameBytes, 2090);
  assert.equal(measured.bitrateKbps, 640);
});

test('headers of one stream agree in version and rate only', () => {
  const header = (...bytes: number[]) => parseMp3Header(Uint8Array.from(bytes))!;
  const first = header(0xff, 0xfb, 0x90, 0x64);
  assert.ok(isSameMp3Stream(first, header(0xff, 0xfa, 0xe2, 0xc0)));
  assert.ok(!isSameMp3Stream(first, header(0xff, 0xfb, 0x94, 0x64)));
  assert.ok(!isSameMp3Stream(first, header(0xff, 0xf3, 0x90, 0x64)));
});
