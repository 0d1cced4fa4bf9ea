/**
 * A map whose entries may have a time to live. What has expired is never given out; it
 * is removed when it is met, or by a sweep that looks at a bounded number of entries each
 * time and goes on where the last one stopped.
 */
import type { Clock } from '@legacystream/core/clock.ts';

export type ExpiringEntry<V> = {
  readonly value: V;
  /** On the monotonic clock; infinite where there is no time to live. */
  readonly expiresAtMs: number;
};

export class ExpiringMap<V> {
  readonly #clock: Clock;
  readonly #entries = new Map<string, ExpiringEntry<V>>();
  #sweep: Iterator<[string, ExpiringEntry<V>]> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Entries held, expired ones that were not met yet included. */
  get size(): number {
    return this.#entries.size;
  }

  get(key: string): ExpiringEntry<V> | undefined {
    const entry = this.#entries.get(key);
    if (!entry || entry.expiresAtMs > this.#clock.monotonicMs()) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: V, ttlMs = Number.POSITIVE_INFINITY): void {
    this.#entries.set(key, { value, expiresAtMs: this.#clock.monotonicMs() + ttlMs });
  }

  delete(key: string): boolean {
    const live = this.get(key) !== undefined;
    this.#entries.delete(key);
    return live;
  }

  /** What lives, in the order in which the keys came. */
  *live(): Generator<[string, ExpiringEntry<V>]> {
    const nowMs = this.#clock.monotonicMs();
    for (const pair of this.#entries) {
      if (pair[1].expiresAtMs > nowMs) yield pair;
      else this.#entries.delete(pair[0]);
    }
  }

  /** Looks at the next `maxEntries` entries and removes those that expired. */
  sweep(maxEntries: number): void {
    const nowMs = this.#clock.monotonicMs();
    this.#sweep ??= this.#entries.entries();
    for (let seen = 0; seen < maxEntries; seen++) {
      const next = this.#sweep.next();
      if (next.done) {
        this.#sweep = undefined;
        return;
      }
      const [key, entry] = next.value;
      if (entry.expiresAtMs <= nowMs) this.#entries.delete(key);
    }
  }
}
