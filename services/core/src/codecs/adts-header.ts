/**
 * Reads one frame header of an ADTS stream (ISO/IEC 14496-3 §1.A.2.2, the fixed and
 * the variable part: seven bytes, or nine with the CRC). HE-AAC is signalled implicitly
 * here: the header shows plain LC at the core rate, half of what a decoder gives out.
 */

export type AdtsHeader = {
  readonly isMpeg2: boolean;
  readonly hasCrc: boolean;
  /** MPEG-4 audio object type: 1 Main, 2 LC, 3 SSR, 4 LTP. */
  readonly objectType: number;
  readonly sampleRateIndex: number;
  /** Of the core coder. */
  readonly sampleRateHz: number;
  readonly channelConfig: number;
  /** 0 where a program config element in the data tells them. */
  readonly channels: number;
  /** With the header. */
  readonly frameBytes: number;
  readonly rawBlocks: number;
  /** Of the core coder, per channel. */
  readonly samples: number;
};

export const adtsHeaderBytes = 7;
const crcBytes = 2;

const sampleRates = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
const channelCounts = [0, 1, 2, 3, 4, 5, 6, 8];

/** The header at `at`, where seven bytes must be; undefined if it is none or its frame has no data. */
export function parseAdtsHeader(bytes: Uint8Array, at = 0): AdtsHeader | undefined {
  const b1 = bytes[at + 1]!;
  if (bytes[at] !== 0xff || (b1 & 0xf6) !== 0xf0) return undefined;
  const b2 = bytes[at + 2]!;
  const b3 = bytes[at + 3]!;
  const sampleRateIndex = (b2 >> 2) & 0x0f;
  const sampleRateHz = sampleRates[sampleRateIndex];
  const frameBytes = ((b3 & 3) << 11) | (bytes[at + 4]! << 3) | (bytes[at + 5]! >> 5);
  const hasCrc = (b1 & 1) === 0;
  if (sampleRateHz === undefined || frameBytes <= adtsHeaderBytes + (hasCrc ? crcBytes : 0)) return undefined;
  const channelConfig = ((b2 & 1) << 2) | (b3 >> 6);
  const rawBlocks = (bytes[at + 6]! & 3) + 1;
  return {
    isMpeg2: (b1 & 8) !== 0,
    hasCrc,
    objectType: (b2 >> 6) + 1,
    sampleRateIndex,
    sampleRateHz,
    channelConfig,
    channels: channelCounts[channelConfig]!,
    frameBytes,
    rawBlocks,
    samples: 1024 * rawBlocks,
  };
}

/** Headers of one stream agree in these. */
export function isSameAdtsStream(a: AdtsHeader, b: AdtsHeader): boolean {
  return (
    a.isMpeg2 === b.isMpeg2 &&
    a.objectType === b.objectType &&
    a.sampleRateIndex === b.sampleRateIndex &&
    a.channelConfig === b.channelConfig
  );
}
