/**
 * Reads a mount's chunks and codec headers into the samples of an HLS track: for packed
 * audio (RFC 8216bis §3.1.4) whole MP3 and ADTS frames, for MP4 (§3.1.2) the bare frames of
 * AAC, Opus and FLAC.
 *
 * A reader takes what a media pipeline gives, in its order, and keeps no more than an
 * unfinished Ogg packet. It never throws: a frame that is not whole or that no decoder of
 * the track would take is refused, counted, and leaves a gap. It knows only of losses that
 * the frames themselves show; bytes that a splitter passed over before are not among them.
 */
import type { Codec } from '../codecs/frame-splitter.ts';
import type { Chunk } from '../sources/chunker.ts';
import { AdtsTrack } from './adts-track.ts';
import { FlacTrack } from './flac-track.ts';
import { Mp3Track } from './mp3-track.ts';
import { OpusTrack } from './opus-track.ts';
import type { HlsContainer, Sample, TrackConfig } from './track.ts';

export type TrackEvent =
  /** The first event, and again whenever what follows needs another decoder configuration. */
  | { readonly type: 'config'; readonly config: TrackConfig }
  | { readonly type: 'sample'; readonly sample: Sample }
  /**
   * Frames were lost or refused here: the samples before and after do not touch. Only after
   * a sample, and once until the next; where the configuration changes too, before it.
   */
  | { readonly type: 'gap' };

export interface TrackReader {
  /** Frames (of Ogg: pages and packets) that were not taken. */
  readonly stats: { readonly refused: number };
  chunk(chunk: Pick<Chunk, 'data' | 'frameBytes'>): readonly TrackEvent[];
  headers(data: Uint8Array, inBand: boolean): readonly TrackEvent[];
}

/** What a codec can be carried in; nothing for one that cannot be segmented. */
export function containersOf(codec: Codec): readonly HlsContainer[] {
  switch (codec) {
    case 'mp3':
      return ['packed'];
    case 'aac':
      return ['packed', 'fmp4'];
    case 'ogg-opus':
    case 'ogg-flac':
    case 'flac':
      return ['fmp4'];
    default:
      return [];
  }
}

/** Undefined where the codec cannot be carried in the container. */
export function createTrackReader(codec: Codec, container: HlsContainer): TrackReader | undefined {
  if (!containersOf(codec).includes(container)) return undefined;
  switch (codec) {
    case 'mp3':
      return new Mp3Track();
    case 'aac':
      return new AdtsTrack(container);
    case 'ogg-opus':
      return new OpusTrack();
    case 'ogg-flac':
      return new FlacTrack('ogg');
    case 'flac':
      return new FlacTrack('native');
    default:
      return undefined;
  }
}
