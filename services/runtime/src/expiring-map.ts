/**
 * A map whose entries may have a time to live. What has expired is never given out; it
 * is removed when it is met, or by a sweep that looks at a bounded number of entries each
 * time and goes on where the last one stopped. Whoever keeps accounts is told of every
 * value that leaves, however it leaves.
 */
import type { Clock } from '@legacystream/core/clock.ts';

export type ExpiringEntry<V> = {
  readonly value: V;
  /** On the monotonic clock; infinite where there is no time to live. */
  readonly expiresAtMs: number;
};

export class ExpiringMap<V> {
  readonly #clock: Clock;
  readonly #onGone: (value: V, key: string) => void;
  readonly #entries = new Map<string, ExpiringEntry<V>>();
  #sweep: Iterator<[string, ExpiringEntry<V>]> | undefined;

  constructor(clock: Clock, onGone: (value: V, key: string) => void = () => {}) {
    this.#clock = clock;
    this.#onGone = onGone;
  }

  /** Entries held, expired ones that were not met yet included. */
  get size(): number {
    return this.#entries.size;
  }

  get(key: string): ExpiringEntry<V> | undefined {
    const entry = this.#entries.get(key);
    if (!entry || entry.expiresAtMs > this.#clock.monotonicMs()) return entry;
    this.#remove(key, entry);
    return undefined;
  }

  /** A key that is there keeps its place in the order. */
  set(key: string, value: V, ttlMs = Number.POSITIVE_INFINITY): void {
    const earlier = this.#entries.get(key);
    this.#entries.set(key, { value, expiresAtMs: this.#clock.monotonicMs() + ttlMs });
    if (earlier) this.#onGone(earlier.value, key);
  }

  delete(key: string): boolean {
    const entry = this.get(key);
    if (entry) this.#remove(key, entry);
    return entry !== undefined;
  }

  /** Removes the entry whose key came first; false when there is none. */
  deleteOldest(): boolean {
    for (const [key, entry] of this.#entries) {
      this.#remove(key, entry);
      return true;
    }
    return false;
  }

  /** What lives, in the order in which the keys came. */
  *live(): Generator<[string, ExpiringEntry<V>]> {
    const nowMs = this.#clock.monotonicMs();
    for (const pair of this.#entries) {
      if (pair[1].expiresAtMs > nowMs) yield pair;
      else this.#remove(...pair);
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
      if (entry.expiresAtMs <= nowMs) this.#remove(key, entry);
    }
  }

  #remove(key: string, entry: ExpiringEntry<V>): void {
    this.#entries.delete(key);
    this.#onGone(entry.value, key);
  }
}
