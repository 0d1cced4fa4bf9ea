/**
 * How often each listener is written to (design §9): the kernel's cost is per write, so
 * the period is short while few listen and grows with their number to a bound.
 *
 * The period is a smooth function of the listeners of the whole edge; it follows a rise
 * and a fall by at most a quarter per lap, so that it neither oscillates nor jumps.
 */
export type DeliveryPeriodLimits = {
  readonly minMs: number;
  readonly maxMs: number;
  /** Listeners up to which the shortest period holds. */
  readonly idleListeners: number;
};

export const defaultIdleListeners = 50;

export function nextPeriodMs(limits: DeliveryPeriodLimits, currentMs: number, listeners: number): number {
  const wanted = limits.minMs * Math.max(1, listeners / limits.idleListeners);
  const target = Math.min(limits.maxMs, Math.max(limits.minMs, wanted));
  if (target > currentMs) return Math.min(target, currentMs * 1.25);
  // A small fall is not worth a change: the band keeps a fluctuating audience at one period.
  if (target > currentMs * 0.8 && target > limits.minMs) return currentMs;
  return Math.max(target, currentMs * 0.75);
}
