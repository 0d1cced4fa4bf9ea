/**
 * Which names may be looked up in the store: those that a playlist lists always, others (of a
 * segment that has just left it, or made up) a few times a second, and none again soon after it
 * was not there. So a flood of invented names costs the store next to nothing.
 */
import type { Clock } from '@legacystream/core/clock.ts';

const perSecond = 20;
const missedMs = 5_000;
const maxMissed = 1_000;

export class StoreAllowance {
  readonly #clock: Clock;
  readonly #missed = new Map<string, number>();
  #left = perSecond;
  #filledMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#filledMs = clock.monotonicMs();
  }

  allows(name: string, isListed: boolean): boolean {
    const nowMs = this.#clock.monotonicMs();
    const missedUntilMs = this.#missed.get(name);
    if (missedUntilMs !== undefined) {
      if (nowMs < missedUntilMs) return false;
      this.#missed.delete(name);
    }
    if (isListed) return true;
    this.#left = Math.min(perSecond, this.#left + ((nowMs - this.#filledMs) / 1000) * perSecond);
    this.#filledMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  missed(name: string): void {
    this.#missed.set(name, this.#clock.monotonicMs() + missedMs);
    const [oldest] = this.#missed.keys();
    if (this.#missed.size > maxMissed && oldest !== undefined) this.#missed.delete(oldest);
  }
}
