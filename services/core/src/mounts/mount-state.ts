/**
 * The state document of a mount: written by the owner of its live session, kept in the
 * store under kind `mount`, pushed on the bus whenever it changes, read by every edge
 * and control. JSON-safe; times are wall clock milliseconds.
 */
import type { Codec } from '../codecs/frame-splitter.ts';

/** `live`: a source is on air. `lingering`: it dropped, listeners are held. `ended`: the mount is gone. */
export type MountStatus = 'live' | 'lingering' | 'ended';

export type NowPlaying = {
  /** What players are shown: `artist - title`, or the title alone, or empty. */
  readonly display: string;
  readonly title: string;
  readonly artist: string;
  /** StreamUrl, or empty. */
  readonly url: string;
  readonly sinceMs: number;
};

export type MountState = {
  readonly path: string;
  readonly status: MountStatus;
  readonly epoch: number;
  /** Grows with every change within an epoch. */
  readonly revision: number;
  readonly podId: string;
  readonly hidden: boolean;
  readonly codec: Codec;
  readonly contentType: string;
  readonly startedAtMs: number;
  /** When the source went; 0 while live. */
  readonly droppedAtMs: number;
  readonly lingerMs: number;
  readonly sourceIp: string;
  readonly userAgent: string;
  /** How the source speaks: `PUT`, `SOURCE`, `SHOUTcast v1`, `file`. */
  readonly protocol: string;
  /** What the source and the configuration say of the stream; absent where unknown. */
  readonly info: StreamInfo;
  readonly nowPlaying: NowPlaying;
  /** The latest titles, newest first, at most 50, the current one included. */
  readonly history: readonly NowPlaying[];
  /** Bytes received from the source in this session, as of the latest revision. */
  readonly bytesRead: number;
  readonly maxListeners: number | null;
};

export type StreamInfo = {
  readonly name?: string;
  readonly description?: string;
  readonly genre?: string;
  readonly url?: string;
  readonly public?: boolean;
  readonly bitrateKbps?: number;
  /** `ice-audio-info` as sent, percent-decoded: `samplerate=44100;channels=2`. */
  readonly audioInfo?: string;
  readonly sampleRateHz?: number;
  readonly channels?: number;
  readonly subtype?: string;
};
