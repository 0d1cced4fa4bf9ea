/**
 * "One line a second at most": the first report goes out at once, those of the rest of
 * the interval are counted, and the latest of them goes out when it ends, so that neither
 * a flood floods the log nor its end is left untold.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';

/** Writes the report; `suppressed` is how many before it were left out since the last one. */
export type Report = (suppressed: number) => void;

export class OncePerInterval {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #timer: Timer | undefined;
  #latest: Report | undefined;
  #waiting = 0;

  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  report(report: Report): void {
    if (this.#timer) {
      this.#latest = report;
      this.#waiting++;
      return;
    }
    this.#startInterval();
    report(0);
  }

  /** Sends out what waits and forgets the interval. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#sendLatest();
  }

  #startInterval(): void {
    this.#timer = this.#clock.after(this.#intervalMs, () => {
      this.#timer = undefined;
      if (!this.#latest) return;
      this.#startInterval();
      this.#sendLatest();
    });
  }

  #sendLatest(): void {
    const latest = this.#latest;
    const suppressed = this.#waiting - 1;
    this.#latest = undefined;
    this.#waiting = 0;
    latest?.(suppressed);
  }
}
