/** The machine's monotonic clock in microseconds, which all processes share: what one stamps another can compare. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
