import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { computeFlacCrc8 } from './flac-crc.ts';
import { maxFlacFrameBytes, maxFlacFrameHeaderBytes, parseFlacFrameHeader } from './flac-frame-header.ts';

const info = { sampleRateHz: 37_800, channels: 2, bitsPerSample: 16, maxFrameBytes: 0 };

function parse(...fields: number[]) {
  const bytes = Uint8Array.of(...fields, 0);
  bytes[fields.length] = computeFlacCrc8(bytes, 0, fields.length);
  return parseFlacFrameHeader(bytes, 0, bytes.length, info);
}

test('block size and rate are read in each of their forms', () => {
  const cases: readonly [fields: number[], blockSamples: number, sampleRateHz: number][] = [
    [[0xff, 0xf8, 0xc9, 0x18, 0x00], 4096, 44_100],
    [[0xff, 0xf8, 0x59, 0x8c, 0x00], 4608, 44_100],
    [[0xff, 0xf8, 0x1a, 0x18, 0x7f], 192, 48_000],
    [[0xff, 0xf8, 0x60, 0x18, 0x00, 0x0f], 16, 37_800],
    [[0xff, 0xf9, 0x7c, 0x18, 0xc2, 0x80, 0x01, 0x00, 0x60], 257, 96_000],
    [[0xff, 0xf8, 0x8d, 0x18, 0x00, 0x56, 0x22], 256, 22_050],
    [[0xff, 0xf8, 0xfe, 0x18, 0x00, 0x4b, 0x00], 32_768, 192_000],
    [[0xff, 0xf9, 0xca, 0x18, 0xfe, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf], 4096, 48_000],
  ];
  for (const [fields, blockSamples, sampleRateHz] of cases) {
    const header = parse(...fields);
    assert.equal(header?.blockSamples, blockSamples);
    assert.equal(header.sampleRateHz, sampleRateHz);
    assert.equal(header.headerBytes, fields.length + 1);
  }
});

test('reserved values, bad numbers and a wrong CRC are no header', () => {
  assert.equal(parse(0xff, 0xf8, 0x09, 0x18, 0x00), undefined, 'block size 0');
  assert.equal(parse(0xff, 0xf8, 0xcf, 0x18, 0x00), undefined, 'rate 15');
  assert.equal(parse(0xff, 0xf8, 0xc9, 0xb8, 0x00), undefined, 'channels 11');
  assert.equal(parse(0xff, 0xf8, 0xc9, 0x16, 0x00), undefined, 'bits 3');
  assert.equal(parse(0xff, 0xf8, 0xc9, 0x19, 0x00), undefined, 'last bit');
  assert.equal(parse(0xff, 0xf8, 0xc9, 0x18, 0x80), undefined, 'number begins in the middle');
  assert.equal(parse(0xff, 0xf8, 0xc9, 0x18, 0xff), undefined, 'number of 8 bytes');
  assert.equal(parse(0xff, 0xfa, 0xc9, 0x18, 0x00), undefined, 'sync');
  assert.equal(parseFlacFrameHeader(Uint8Array.of(0xff, 0xf8, 0xc9, 0x18, 0, 1), 0, 6, info), undefined);
});

test('the longest frame follows from the block size', () => {
  const bytes = parse(0xff, 0xf8, 0xc9, 0x18, 0x00)?.maxFrameBytes ?? 0;
  assert.ok(bytes > 4096 * 4 && bytes < 4096 * 4 * 1.1, String(bytes));
  const most = parse(0xff, 0xf8, 0x79, 0x7e, 0x00, 0xff, 0xff)?.maxFrameBytes ?? 0;
  assert.equal(most, maxFlacFrameBytes);
});

test('no header is longer than the bound or than what is there', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 14, maxLength: 20 }), fc.nat(20), (tail, end) => {
      for (let crc = 0; crc < 256; crc += 5) {
        const bytes = Uint8Array.of(0xff, 0xf8, ...tail);
        bytes[6] = crc;
        const header = parseFlacFrameHeader(bytes, 0, end, info);
        if (header === undefined) continue;
        assert.ok(header.headerBytes <= Math.min(maxFlacFrameHeaderBytes, end));
        assert.ok(header.sampleRateHz > 0 && header.blockSamples > 0);
      }
    }),
  );
});
