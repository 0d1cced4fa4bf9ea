/**
 * What every codec does for the rest of the server: cut a source's bytes into the
 * pieces that may be sent, joined and skipped, without decoding them.
 *
 * A splitter takes input cut anywhere, may be given garbage, and never throws: it
 * looks for the next place that makes sense, counts what it passed over, and its
 * memory is bounded whatever the length fields say. Any split of the same input
 * gives the same events. The bytes of an event are never changed afterwards.
 */

export const codecs = [
  'mp3',
  'aac',
  'ogg-vorbis',
  'ogg-opus',
  'ogg-flac',
  'ogg-speex',
  'ogg',
  'flac',
  'matroska',
  'opaque',
] as const;
export type Codec = (typeof codecs)[number];

/** One independently sendable piece: an audio frame, an Ogg page, a part of a Matroska cluster. */
export type FrameEvent = {
  readonly type: 'frame';
  readonly data: Uint8Array;
  /** Playing time in microseconds; 0 where the format does not tell. */
  readonly durationUs: number;
  /** A listener may start here (after the headers in force). */
  readonly syncPoint: boolean;
};

/** What a listener must be sent before its first frame, from here on. */
export type HeadersEvent = {
  readonly type: 'headers';
  readonly data: Uint8Array;
  /**
   * True where the headers also stand in the stream at this place, so that those
   * already listening get them too (a chained Ogg stream, a first FLAC header).
   */
  readonly inBand: boolean;
};

/** Tags found inside the stream (Ogg comments), UTF-8 decoded; absent fields were not there. */
export type TagsEvent = {
  readonly type: 'tags';
  readonly title?: string;
  readonly artist?: string;
  /** All of them, keys in lower case, at most 64 entries of at most 1 KiB each. */
  readonly all: ReadonlyMap<string, string>;
};

export type SplitterEvent = FrameEvent | HeadersEvent | TagsEvent;

/** What the stream is, as far as its own headers say; filled in as frames come. */
export type StreamFormat = {
  codec: Codec;
  sampleRateHz?: number;
  channels?: number;
  /** Nominal or of the latest frame, in kbit/s. */
  bitrateKbps?: number;
  /** Short name for status pages, as Icecast's `subtype`: `Vorbis`, `Opus`. */
  subtype?: string;
};

export type SplitterStats = {
  frames: number;
  /** Bytes passed over because no frame could be made of them. */
  skippedBytes: number;
  /** Times that synchronisation was lost after it had been won. */
  resyncs: number;
};

export interface FrameSplitter {
  readonly format: Readonly<StreamFormat>;
  readonly stats: Readonly<SplitterStats>;
  push(chunk: Uint8Array): SplitterEvent[];
  /** The source ended: gives what can still be told to be whole. */
  flush(): SplitterEvent[];
}
