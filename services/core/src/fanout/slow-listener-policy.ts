/**
 * When a slow listener is skipped to live and when it is cut off. Pure: the wheel
 * tells how far behind and for how long stalled, the policy says what to do.
 */
export type SlowListenerLimits = {
  /** Behind the head by more than this: skipped to live. */
  readonly maxLagBytes: number;
  /** The connection did not take a write of up to {@link plainWriteBytes} for this long: cut off. */
  readonly maxStallMs: number;
  /** Skips in a row, without having caught up, after which the connection is cut off. */
  readonly maxSkips: number;
};

export type SlowListenerVerdict = 'wait' | 'skip' | 'cut';

/** A write of ordinary size. It is seen to be taken only when the kernel has all of it. */
export const plainWriteBytes = 64 * 1024;
const maxPatience = 4;

/** For a connection that still has bytes of an earlier write to take; a large burst may take longer. */
export function judgeStalled(
  limits: SlowListenerLimits,
  stalledMs: number,
  pendingBytes: number,
): 'wait' | 'cut' {
  const patience = Math.min(maxPatience, Math.max(1, pendingBytes / plainWriteBytes));
  return stalledMs >= limits.maxStallMs * patience ? 'cut' : 'wait';
}

/** For a connection that takes bytes again, `lagBytes` behind the head. */
export function judgeLagging(
  limits: SlowListenerLimits,
  lagBytes: number,
  inRing: boolean,
  skipsInRow: number,
): SlowListenerVerdict {
  if (inRing && lagBytes <= limits.maxLagBytes) return 'wait';
  return skipsInRow >= limits.maxSkips ? 'cut' : 'skip';
}
