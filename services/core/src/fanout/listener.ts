/**
 * One listener as the delivery wheel sees it: a place on the channel's axis and a
 * connection that takes bytes. All fields are plain numbers and flags so that serving
 * thousands of them allocates nothing.
 */

/** Why the server ended a listener. */
export type ListenerEnd = 'mount-ended' | 'too-slow' | 'killed' | 'banned' | 'time-limit' | 'shutdown';

export abstract class Listener {
  readonly icy: boolean;
  /** Next byte of the channel's axis to be sent. */
  position = 0;
  /** ICY: the next metadata block must be full because this listener has not seen a title yet. */
  wantsTitle = false;
  /** Monotonic time of its latest turn. */
  servedMs = 0;
  /** Monotonic time since when the connection takes nothing; below 0 while it takes. */
  stalledSinceMs = -1;
  /** Skips to live without having caught up in between. */
  skipsInRow = 0;
  bytesSent = 0;
  /** Its place in the queue of the wheel that serves it; below 0 while none does. */
  seat = -1;

  constructor(icy: boolean) {
    this.icy = icy;
  }

  /** Served by a wheel. */
  get aboard(): boolean {
    return this.seat >= 0;
  }

  /** Bytes handed over that the kernel has not taken yet; 0 means that it may be written to. */
  abstract get pendingBytes(): number;
  abstract write(data: Uint8Array): void;
  /** Ends the connection. The wheel has forgotten it already. */
  abstract close(reason: ListenerEnd): void;
}
