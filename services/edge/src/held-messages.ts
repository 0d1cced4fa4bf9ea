/**
 * Messages of an audio sequence that wait for those before them: in order of (epoch, seq),
 * each once, with the time at which each came.
 */
import type { Envelope } from '@legacystream/core/bus/envelope.ts';

type Held = { readonly message: Envelope; readonly atMs: number };

/** What one costs beside its payload: a flood of tiny ones is bounded as well. */
const overheadBytes = 256;

export class HeldMessages {
  #held: Held[] = [];
  /** Index of the first: taking from the front must not move the array each time. */
  #front = 0;
  #bytes = 0;

  /** Held in all, overhead included. */
  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#held.length - this.#front;
  }

  get first(): Envelope | undefined {
    return this.#held[this.#front]?.message;
  }

  get last(): Envelope | undefined {
    return this.#held.at(-1)?.message;
  }

  /** When the first came; 0 for none. */
  get firstMs(): number {
    return this.#held[this.#front]?.atMs ?? 0;
  }

  /** When the message came that has waited longest; Infinity for none. */
  get oldestMs(): number {
    let oldestMs = Number.POSITIVE_INFINITY;
    for (let i = this.#front; i < this.#held.length; i += 1) {
      oldestMs = Math.min(oldestMs, this.#held[i]!.atMs);
    }
    return oldestMs;
  }

  /** @returns false when it is held already */
  add(message: Envelope, atMs: number): boolean {
    const last = this.last;
    if (!last || order(last, message) < 0) {
      this.#held.push({ message, atMs });
    } else {
      const index = this.#indexOf(message);
      if (order(this.#held[index]!.message, message) === 0) return false;
      this.#held.splice(index, 0, { message, atMs });
    }
    this.#bytes += costOf(message);
    return true;
  }

  /** As {@link add} for many, which come in about their order. @returns how many were not held already */
  addAll(messages: readonly Envelope[], atMs: number): number {
    const before = this.count;
    const all = this.#held.slice(this.#front);
    for (const message of messages) all.push({ message, atMs });
    // A stable sort: of two that are the same, the one held longer stays.
    all.sort((a, b) => order(a.message, b.message));
    this.#held = all.filter(({ message }, i) => i === 0 || order(all[i - 1]!.message, message) !== 0);
    this.#front = 0;
    this.#bytes = this.#held.reduce((bytes, { message }) => bytes + costOf(message), 0);
    return this.count - before;
  }

  /** How many are not behind the last of those that came at `ms` or before. */
  countThrough(ms: number): number {
    const index = this.#held.findLastIndex(({ atMs }, i) => i >= this.#front && atMs <= ms);
    return index < 0 ? 0 : index + 1 - this.#front;
  }

  /** Takes the first one out. */
  shift(): Envelope | undefined {
    const held = this.#held[this.#front];
    if (!held) return undefined;
    this.#front += 1;
    this.#bytes -= costOf(held.message);
    // What was taken must not be kept alive by a gap that stays open.
    if (this.#front * 2 >= this.#held.length) {
      this.#held = this.#held.slice(this.#front);
      this.#front = 0;
    }
    return held.message;
  }

  /** Takes everything out. */
  takeAll(): Envelope[] {
    const messages = this.#held.slice(this.#front).map(({ message }) => message);
    this.#held = [];
    this.#front = 0;
    this.#bytes = 0;
    return messages;
  }

  /** Index of the first that does not come before `message`. */
  #indexOf(message: Envelope): number {
    let low = this.#front;
    let high = this.#held.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (order(this.#held[middle]!.message, message) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Below 0 where `a` comes first in the sequence, 0 for the same message. */
export function order(a: Envelope, b: Envelope): number {
  return a.epoch - b.epoch || a.seq - b.seq;
}

function costOf(message: Envelope): number {
  return message.payload.byteLength + overheadBytes;
}
