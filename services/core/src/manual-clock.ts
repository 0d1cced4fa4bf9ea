/**
 * A clock that only moves when told to: timers due within the advanced span fire
 * in order of time, then of creation, and those set by a firing timer take part in
 * the same advance. Monotonic time never steps back, not even when a timer that
 * fires advances the clock itself; the wall clock steps only by {@link ManualClock.stepWall}.
 */
import type { Clock, Timer } from './clock.ts';

type Entry = { dueMs: number; order: number; fn: () => void; periodMs: number };

export class ManualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  #wallOffsetMs: number;
  readonly #entries = new Set<Entry>();

  constructor(wallMs = 1_700_000_000_000) {
    this.#wallOffsetMs = wallMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  after(delayMs: number, fn: () => void): Timer {
    return this.#add(delayMs, 0, fn);
  }

  every(periodMs: number, fn: () => void): Timer {
    const atLeastOneMs = Math.max(1, periodMs);
    return this.#add(atLeastOneMs, atLeastOneMs, fn);
  }

  /** How many timers wait to fire, so that a test can see one that was forgotten. */
  get pendingTimers(): number {
    return this.#entries.size;
  }

  /** Steps the wall clock alone, as an operator or NTP does. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** Moves time on by `ms`, firing what falls due on the way. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`time only moves forward, not by ${ms} ms`);
    const endMs = this.#nowMs + ms;
    for (;;) {
      let next: Entry | undefined;
      for (const entry of this.#entries) {
        if (entry.dueMs > endMs) continue;
        if (!next || entry.dueMs < next.dueMs || (entry.dueMs === next.dueMs && entry.order < next.order)) {
          next = entry;
        }
      }
      if (!next) break;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      if (next.periodMs > 0) next.dueMs += next.periodMs;
      else this.#entries.delete(next);
      next.fn();
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  #add(delayMs: number, periodMs: number, fn: () => void): Timer {
    const entry: Entry = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, fn, periodMs };
    this.#entries.add(entry);
    return { cancel: () => void this.#entries.delete(entry) };
  }
}
