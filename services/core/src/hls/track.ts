/**
 * What an HLS track is made of: samples (one encoded frame each) on a timeline that counts
 * PCM samples, and the configuration that a decoder needs for them (RFC 8216bis §3, ISO/IEC
 * 14496-12 §8). Every reader of a codec gives these; every container is written from them.
 */

/** Ticks are PCM samples per channel at `timescale` ticks a second. */
export type Sample = {
  /** As it stands in an MP4 sample; for packed audio the whole frame with its header. */
  readonly data: Uint8Array;
  readonly durationTicks: number;
};

type Common = {
  /** Ticks a second: the sample rate of the coded audio; 48,000 for Opus. */
  readonly timescale: number;
  readonly channels: number;
};

export type Mp3Config = Common & { readonly codec: 'mp3' };

export type AacConfig = Common & {
  readonly codec: 'aac';
  /** MPEG-4 audio object type of the core coder: 2 is LC. */
  readonly objectType: number;
  /** ISO/IEC 14496-3 §1.6.2.1. */
  readonly audioSpecificConfig: Uint8Array;
};

export type OpusConfig = Common & {
  readonly codec: 'opus';
  readonly preSkip: number;
  readonly inputSampleRateHz: number;
  /** Q7.8 dB, signed. */
  readonly outputGain: number;
  readonly mappingFamily: number;
  /** Stream count, coupled count and mapping, as in OpusHead; empty for family 0. */
  readonly mapping: Uint8Array;
};

export type FlacConfig = Common & {
  readonly codec: 'flac';
  readonly bitsPerSample: number;
  /** The 34 bytes of the STREAMINFO block (RFC 9639 §8.2). */
  readonly streamInfo: Uint8Array;
};

export type TrackConfig = Mp3Config | AacConfig | OpusConfig | FlacConfig;

/** Frames as they are, or fragments of MP4 (RFC 8216bis §3.1.2, §3.1.4). */
export type HlsContainer = 'packed' | 'fmp4';

/** A title, as timed metadata shows it; empty fields are left out. */
export type TimedTitle = {
  readonly title: string;
  readonly artist: string;
  readonly url: string;
};

/** The string of the CODECS attribute (RFC 6381; protocols: what players were seen to take). */
export function codecsAttribute(config: TrackConfig): string {
  switch (config.codec) {
    case 'mp3':
      return 'mp4a.40.34';
    case 'aac':
      return `mp4a.40.${config.objectType}`;
    case 'opus':
      return 'Opus';
    case 'flac':
      return 'fLaC';
  }
}
