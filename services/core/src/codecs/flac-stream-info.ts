/**
 * The STREAMINFO block of FLAC (RFC 9639 §8.2), and the header that a joiner of a live
 * stream is given: `fLaC` and this block alone, without what only a finished file knows.
 */

export const flacStreamInfoBytes = 34;

export type FlacStreamInfo = {
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly bitsPerSample: number;
  /** 0 where the encoder did not know. */
  readonly maxFrameBytes: number;
};

/** Reads the block's 34 bytes at `at`; undefined if they describe no audio. */
export function parseFlacStreamInfo(bytes: Uint8Array, at: number): FlacStreamInfo | undefined {
  if (at + flacStreamInfoBytes > bytes.length) return undefined;
  const sampleRateHz = (bytes[at + 10]! << 12) | (bytes[at + 11]! << 4) | (bytes[at + 12]! >> 4);
  const maxBlockSamples = (bytes[at + 2]! << 8) | bytes[at + 3]!;
  if (sampleRateHz === 0 || maxBlockSamples < 16) return undefined;
  return {
    sampleRateHz,
    channels: ((bytes[at + 12]! >> 1) & 7) + 1,
    bitsPerSample: (((bytes[at + 12]! & 1) << 4) | (bytes[at + 13]! >> 4)) + 1,
    maxFrameBytes: (bytes[at + 7]! << 16) | (bytes[at + 8]! << 8) | bytes[at + 9]!,
  };
}

/** `fLaC` and the STREAMINFO block at `at` as the last one; frame sizes, total and MD5 are zero (unknown). */
export function encodeFlacLiveHeader(bytes: Uint8Array, at: number): Uint8Array {
  const header = new Uint8Array(8 + flacStreamInfoBytes);
  header.set([0x66, 0x4c, 0x61, 0x43, 0x80, 0, 0, flacStreamInfoBytes]);
  header.set(bytes.subarray(at, at + 4), 8);
  header.set(bytes.subarray(at + 10, at + 14), 18);
  // The low half of this byte is the top of the sample count.
  header[21] = header[21]! & 0xf0;
  return header;
}
