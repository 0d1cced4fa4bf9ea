/** What a stream is made of in the words of its listeners: `MP3`, `128 kbit/s`, `44.1 kHz · stereo`. */
import type { Codec } from '@legacystream/core/codecs/frame-splitter.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';

const codecNames: Readonly<Record<Codec, string>> = {
  mp3: 'MP3',
  aac: 'AAC',
  'ogg-vorbis': 'Vorbis',
  'ogg-opus': 'Opus',
  'ogg-flac': 'FLAC',
  'ogg-speex': 'Speex',
  ogg: 'Ogg',
  flac: 'FLAC',
  matroska: 'Matroska',
  opaque: 'Audio',
};

export type AudioDescription = {
  readonly codec: string;
  /** Empty where unknown. */
  readonly bitrate: string;
  /** Sampling rate and channels; empty where unknown. */
  readonly format: string;
};

export function describeAudio({ codec, contentType, info }: MountState): AudioDescription {
  const { bitrateKbps, sampleRateHz, channels } = info;
  const webm = codec === 'matroska' && /\/webm\b/i.test(contentType);
  const format = [
    sampleRateHz ? `${Number((sampleRateHz / 1000).toFixed(2))} kHz` : '',
    channels ? channelName(channels) : '',
  ];
  return {
    codec: webm ? 'WebM' : codecNames[codec],
    bitrate: bitrateKbps ? `${Math.round(bitrateKbps)} kbit/s` : '',
    format: format.filter((part) => part !== '').join(' · '),
  };
}

function channelName(channels: number): string {
  if (channels === 1) return 'mono';
  return channels === 2 ? 'stereo' : `${channels} channels`;
}
