/**
 * Counts failed logins per key and refuses further attempts for the rest of a window.
 * Bounded in keys: when full, the longest unused is forgotten, so that a flood of
 * addresses costs memory only up to the bound.
 */
import type { Clock } from '../clock.ts';

type Count = { failures: number; windowEndMs: number };

export class FailureLimiter {
  readonly #clock: Clock;
  readonly #maxFailures: number;
  readonly #windowMs: number;
  readonly #maxKeys: number;
  readonly #counts = new Map<string, Count>();

  constructor(clock: Clock, maxFailures: number, windowMs = 60_000, maxKeys = 10_000) {
    this.#clock = clock;
    this.#maxFailures = maxFailures;
    this.#windowMs = windowMs;
    this.#maxKeys = maxKeys;
  }

  /** Milliseconds until the key may try again; 0 when it may now. */
  blockedMs(key: string): number {
    const count = this.#current(key);
    return count && count.failures >= this.#maxFailures ? count.windowEndMs - this.#clock.monotonicMs() : 0;
  }

  recordFailure(key: string): void {
    const count = this.#current(key) ?? {
      failures: 0,
      windowEndMs: this.#clock.monotonicMs() + this.#windowMs,
    };
    count.failures += 1;
    this.#counts.delete(key);
    this.#counts.set(key, count);
    if (this.#counts.size > this.#maxKeys) this.#counts.delete(this.#counts.keys().next().value!);
  }

  recordSuccess(key: string): void {
    this.#counts.delete(key);
  }

  #current(key: string): Count | undefined {
    const count = this.#counts.get(key);
    if (!count) return undefined;
    if (count.windowEndMs > this.#clock.monotonicMs()) return count;
    this.#counts.delete(key);
    return undefined;
  }
}

/**
 * The key of an address: IPv6 clients own whole /64 networks, so the network counts. An
 * IPv4 client of a socket that takes both (`::ffff:192.0.2.1`) counts by its IPv4 address.
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':');
    while (groups.length + after.length < 8) groups.push('0');
    groups.push(...after);
  }
  const network = groups.slice(0, 4).map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''));
  return network.join(':');
}
