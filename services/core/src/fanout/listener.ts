/**
 * One listener as the delivery wheel sees it: a place on the channel's axis and a
 * connection that takes bytes. All fields are plain numbers and flags so that serving
 * thousands of them allocates nothing.
 */

/** Why the server ended a listener. */
export type ListenerEnd = 'mount-ended' | 'too-slow' | 'killed' | 'shutdown';

export abstract class Listener {
  readonly icy: boolean;
  /** Next byte of the channel's axis to be sent. */
  position = 0;
  /** ICY: the next metadata block must be full because this listener has not seen a title yet. */
  wantsTitle = false;
  /** Monotonic time since when the connection takes nothing; 0 while it takes. */
  stalledSinceMs = 0;
  /** Skips to live without having caught up in between. */
  skipsInRow = 0;
  bytesSent = 0;
  /** Served by a wheel. */
  aboard = false;

  constructor(icy: boolean) {
    this.icy = icy;
  }

  /** Bytes handed over that the kernel has not taken yet; 0 means that it may be written to. */
  abstract get pendingBytes(): number;
  abstract write(data: Uint8Array): void;
  /** Ends the connection; its owner makes the wheel forget it when it has closed. */
  abstract close(reason: ListenerEnd): void;
}
