/**
 * Time as a dependency. The domain never reads the machine's clock or sets a
 * timer by itself, so that tests run on a virtual clock and deadlines survive
 * steps of the wall clock.
 */
export interface Timer {
  /** Stops the timer; harmless when it has fired or was cancelled before. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds that never step back; only differences mean anything. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch; may step. */
  wallMs(): number;
  /** Calls `fn` once after `delayMs`. Never keeps the process alive by itself. */
  after(delayMs: number, fn: () => void): Timer;
  /** Calls `fn` every `periodMs`. Never keeps the process alive by itself. */
  every(periodMs: number, fn: () => void): Timer;
}
