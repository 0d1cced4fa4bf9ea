/**
 * When a slow listener is skipped to live and when it is cut off. Pure: the wheel
 * tells how far behind and for how long stalled, the policy says what to do.
 */
export type SlowListenerLimits = {
  /** Behind the head by more than this: skipped to live. */
  readonly maxLagBytes: number;
  /** The connection took nothing at all for this long: cut off. */
  readonly maxStallMs: number;
  /** Skips in a row, without having caught up, after which the connection is cut off. */
  readonly maxSkips: number;
};

export type SlowListenerVerdict = 'wait' | 'skip' | 'cut';

/** For a connection that still has bytes of an earlier write to take. */
export function judgeStalled(limits: SlowListenerLimits, stalledMs: number): 'wait' | 'cut' {
  return stalledMs >= limits.maxStallMs ? 'cut' : 'wait';
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
