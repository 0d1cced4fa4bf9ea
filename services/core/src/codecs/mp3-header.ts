/**
 * Reads one frame header of MPEG-1, MPEG-2 or MPEG-2.5 audio, layer III
 * (ISO/IEC 11172-3 §2.4.1.3, ISO/IEC 13818-3 §2.4.1; 2.5 is the usual extension to
 * lower rates). Anything reserved makes it no header, but the emphasis bits are not
 * looked at, since no decoder minds them.
 */

export type Mp3Header = {
  readonly version: 1 | 2 | 2.5;
  readonly layer: 3;
  readonly hasCrc: boolean;
  /** The length stands nowhere: it is constant and must be measured. */
  readonly isFreeFormat: boolean;
  /** 0 in a free format header that has not been measured. */
  readonly bitrateKbps: number;
  readonly sampleRateHz: number;
  readonly paddingBytes: 0 | 1;
  readonly channelMode: 'stereo' | 'joint' | 'dual' | 'mono';
  readonly channels: 1 | 2;
  readonly sideInfoBytes: number;
  /** With the header; 0 in a free format header that has not been measured. */
  readonly frameBytes: number;
  readonly samples: 576 | 1152;
  /** To the nearest microsecond. */
  readonly durationUs: number;
};

export const mp3HeaderBytes = 4;

const bitratesMpeg1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const bitratesMpeg2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const sampleRates = [44100, 48000, 32000];
const versions = [2.5, undefined, 2, 1] as const;
const channelModes = ['stereo', 'joint', 'dual', 'mono'] as const;

/** The header at `at`, where four bytes must be; undefined if it is none. */
export function parseMp3Header(bytes: Uint8Array, at = 0): Mp3Header | undefined {
  const b1 = bytes[at + 1]!;
  if (bytes[at] !== 0xff || (b1 & 0xe6) !== 0xe2) return undefined;
  const b2 = bytes[at + 2]!;
  const version = versions[(b1 >> 3) & 3];
  const baseRateHz = sampleRates[(b2 >> 2) & 3];
  const bitrateKbps = (version === 1 ? bitratesMpeg1 : bitratesMpeg2)[b2 >> 4];
  if (version === undefined || baseRateHz === undefined || bitrateKbps === undefined) return undefined;
  const isMpeg1 = version === 1;
  const sampleRateHz = isMpeg1 ? baseRateHz : version === 2 ? baseRateHz / 2 : baseRateHz / 4;
  const samples = isMpeg1 ? 1152 : 576;
  const paddingBytes = (b2 & 2) === 0 ? 0 : 1;
  const channelMode = channelModes[(bytes[at + 3]! >> 6) as 0 | 1 | 2 | 3];
  const isMono = channelMode === 'mono';
  const isFreeFormat = bitrateKbps === 0;
  return {
    version,
    layer: 3,
    hasCrc: (b1 & 1) === 0,
    isFreeFormat,
    bitrateKbps,
    sampleRateHz,
    paddingBytes,
    channelMode,
    channels: isMono ? 1 : 2,
    sideInfoBytes: isMpeg1 ? (isMono ? 17 : 32) : isMono ? 9 : 17,
    frameBytes: isFreeFormat ? 0 : Math.floor((samples * 125 * bitrateKbps) / sampleRateHz) + paddingBytes,
    samples,
    durationUs: Math.round((samples * 1_000_000) / sampleRateHz),
  };
}

/** Headers of one stream agree in these; bitrate, mode and padding may change with every frame. */
export function isSameMp3Stream(a: Mp3Header, b: Mp3Header): boolean {
  return a.version === b.version && a.layer === b.layer && a.sampleRateHz === b.sampleRateHz;
}

/** A free format header whose whole length, its padding included, has become known. */
export function withFreeFormatLength(header: Mp3Header, frameBytes: number): Mp3Header {
  const bitrateKbps = Math.round((frameBytes * 8 * header.sampleRateHz) / header.samples / 1000);
  return { ...header, frameBytes, bitrateKbps };
}
