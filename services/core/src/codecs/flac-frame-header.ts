/**
 * Headers of native FLAC frames (RFC 9639 §9.1), verified by their CRC-8, so that one
 * can be told from chance bytes in the middle of audio.
 */

import { computeFlacCrc8 } from './flac-crc.ts';
import type { FlacStreamInfo } from './flac-stream-info.ts';

/** Sync, codes, a sample number of 7 bytes, block size and rate of 2 bytes each, CRC-8. */
export const maxFlacFrameHeaderBytes = 16;

/** No frame is longer, whatever its header claims. */
export const maxFlacFrameBytes = 2_097_152;

export type FlacFrameHeader = {
  readonly headerBytes: number;
  readonly blockSamples: number;
  readonly sampleRateHz: number;
  /** A frame of this block size cannot be longer: that would be more than uncompressed. */
  readonly maxFrameBytes: number;
};

const sampleRates = [
  0, 88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000,
];
const sampleBits = [0, 8, 12, 0, 16, 20, 24, 32];

/** The header at `at`, if one stands there whole before `end`. What it leaves open is taken from STREAMINFO. */
export function parseFlacFrameHeader(
  bytes: Uint8Array,
  at: number,
  end: number,
  info: FlacStreamInfo,
): FlacFrameHeader | undefined {
  // Five bytes of codes and number and the CRC are the least.
  if (end - at < 6 || bytes[at] !== 0xff || (bytes[at + 1]! & 0xfe) !== 0xf8) return undefined;
  const blockCode = bytes[at + 2]! >> 4;
  const rateCode = bytes[at + 2]! & 15;
  const channelCode = bytes[at + 3]! >> 4;
  const bitsCode = (bytes[at + 3]! >> 1) & 7;
  if (blockCode === 0 || rateCode === 15 || channelCode > 10 || bitsCode === 3) return undefined;
  if ((bytes[at + 3]! & 1) !== 0) return undefined;
  const numberBytes = measureCodedNumber(bytes[at + 4]!);
  if (numberBytes === 0) return undefined;
  const blockBytes = blockCode === 6 ? 1 : blockCode === 7 ? 2 : 0;
  const rateBytes = rateCode === 12 ? 1 : rateCode > 12 ? 2 : 0;
  const headerBytes = 4 + numberBytes + blockBytes + rateBytes + 1;
  if (end - at < headerBytes) return undefined;
  const crcAt = at + headerBytes - 1;
  if (computeFlacCrc8(bytes, at, crcAt) !== bytes[crcAt]) return undefined;

  const blockAt = at + 4 + numberBytes;
  const blockSamples =
    blockBytes > 0 ? readNumber(bytes, blockAt, blockBytes) + 1 : expandBlockCode(blockCode);
  const rateField = readNumber(bytes, blockAt + blockBytes, rateBytes);
  const givenRate = rateCode < 12 ? sampleRates[rateCode]! : rateField * [1000, 1, 10][rateCode - 12]!;
  const sampleRateHz = givenRate || info.sampleRateHz;
  const bits = sampleBits[bitsCode]! || info.bitsPerSample;
  const channels = channelCode < 8 ? channelCode + 1 : 2;
  // One bit more for a difference channel, and room for subframe headers and the CRC.
  const uncompressed =
    headerBytes + Math.ceil((blockSamples * channels * (bits + 1)) / 8) + channels * 16 + 2;
  return {
    headerBytes,
    blockSamples,
    sampleRateHz,
    maxFrameBytes: Math.min(uncompressed, maxFlacFrameBytes),
  };
}

/** Bytes of the UTF-8-like number that begins with `first`; 0 if none begins so. */
function measureCodedNumber(first: number): number {
  const ones = Math.clz32(~(first << 24));
  return ones === 0 ? 1 : ones === 1 || ones > 7 ? 0 : ones;
}

function expandBlockCode(code: number): number {
  return code === 1 ? 192 : code < 6 ? 576 << (code - 2) : 256 << (code - 8);
}

function readNumber(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = 0; index < count; index++) value = value * 256 + bytes[at + index]!;
  return value;
}
