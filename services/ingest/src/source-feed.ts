/**
 * Where a source's connection and what it feeds meet: a session on air, or a source that
 * waits for its turn. Neither knows what the other is.
 */

export type SourceEnd =
  | 'closed'
  | 'timeout'
  | 'killed'
  | 'taken-over'
  /** To a source that waited, because this one was silent. */
  | 'yielded'
  | 'lease-lost'
  /** It waited with another codec than that on air. */
  | 'wrong-codec'
  | 'shutdown'
  | 'malformed';

/** What is done to a source's connection. */
export interface SourceConnection {
  pauseReading(): void;
  resumeReading(): void;
  end(reason: SourceEnd): void;
}

/** What a connection feeds. */
export interface SourceFeed {
  /** The charset of titles that are not UTF-8; undefined for the usual one. */
  readonly charset: string | undefined;
  /** Takes audio. */
  receive(bytes: Uint8Array): void;
  /** Sets the title from outside the stream. @returns false when nothing changed */
  setTitle(title: string, artist: string, url: string): boolean;
  /** Ends what the connection feeds, and the connection; idempotent. */
  end(reason: SourceEnd): void;
}
