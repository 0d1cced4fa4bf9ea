/**
 * The retained tail of every audio subject of a bus, for bursts and gap repair.
 *
 * Bounded by age, by bytes per subject, by bytes in all and by the number of subjects;
 * the oldest goes first. Every message is charged a fixed overhead on top of its bytes, so
 * that a flood of empty ones is bounded as well. Payloads are kept as given, never copied.
 *
 *     oldest ⇄ … ⇄ newest            all messages, in order of arrival
 *     tail.oldest → … → tail.newest  those of one subject, linked both ways, too
 */
import type { Clock } from '@legacystream/core/clock.ts';
import type { HistoryBounds } from '@legacystream/core/ports/bus.ts';

export type MessageHistoryOptions = {
  readonly maxAgeMs?: number;
  readonly maxSubjectBytes?: number;
  readonly maxTotalBytes?: number;
  readonly maxSubjects?: number;
};

export const messageOverheadBytes = 160;

type Tail = {
  readonly subject: string;
  bytes: number;
  oldest: Message | undefined;
  newest: Message | undefined;
};
type Message = {
  readonly data: Uint8Array;
  readonly atMs: number;
  readonly tail: Tail;
  older: Message | undefined;
  newer: Message | undefined;
  olderInTail: Message | undefined;
  newerInTail: Message | undefined;
};

export class MessageHistory {
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  readonly #maxSubjectBytes: number;
  readonly #maxTotalBytes: number;
  readonly #maxSubjects: number;
  /** In order of the latest message: the first subject is the one longest idle. */
  readonly #tails = new Map<string, Tail>();
  #oldest: Message | undefined;
  #newest: Message | undefined;
  #totalBytes = 0;

  constructor(clock: Clock, options: MessageHistoryOptions = {}) {
    this.#clock = clock;
    this.#maxAgeMs = options.maxAgeMs ?? 90_000;
    this.#maxSubjectBytes = options.maxSubjectBytes ?? 16 * 1024 * 1024;
    this.#maxTotalBytes = options.maxTotalBytes ?? 256 * 1024 * 1024;
    this.#maxSubjects = options.maxSubjects ?? 10_000;
  }

  /** Bytes held, overhead included. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  get subjects(): number {
    return this.#tails.size;
  }

  append(subject: string, data: Uint8Array): void {
    const nowMs = this.#clock.monotonicMs();
    this.#expire(nowMs);
    const tail = this.#tailOf(subject);
    const older = this.#newest;
    const olderInTail = tail.newest;
    const message: Message = {
      data,
      atMs: nowMs,
      tail,
      older,
      newer: undefined,
      olderInTail,
      newerInTail: undefined,
    };
    if (older) older.newer = message;
    else this.#oldest = message;
    this.#newest = message;
    if (olderInTail) olderInTail.newerInTail = message;
    else tail.oldest = message;
    tail.newest = message;
    const bytes = data.byteLength + messageOverheadBytes;
    tail.bytes += bytes;
    this.#totalBytes += bytes;
    while (tail.oldest && tail.bytes > this.#maxSubjectBytes) this.#drop(tail.oldest);
    while (this.#oldest && this.#totalBytes > this.#maxTotalBytes) this.#drop(this.#oldest);
  }

  /** The newest messages of a subject within the bounds, oldest first. */
  read(subject: string, bounds: HistoryBounds): Uint8Array[] {
    const nowMs = this.#clock.monotonicMs();
    this.#expire(nowMs);
    const found: Uint8Array[] = [];
    let bytes = 0;
    for (let message = this.#tails.get(subject)?.newest; message; message = message.olderInTail) {
      bytes += message.data.byteLength;
      if (bytes > bounds.maxBytes || nowMs - message.atMs > bounds.maxAgeMs) break;
      found.push(message.data);
    }
    return found.reverse();
  }

  /** Forgets what is too old, so that subjects which fell silent take no memory. */
  sweep(): void {
    this.#expire(this.#clock.monotonicMs());
  }

  clear(): void {
    this.#tails.clear();
    this.#oldest = undefined;
    this.#newest = undefined;
    this.#totalBytes = 0;
  }

  #tailOf(subject: string): Tail {
    const known = this.#tails.get(subject);
    if (known) {
      this.#tails.delete(subject);
      this.#tails.set(subject, known);
      return known;
    }
    if (this.#tails.size >= this.#maxSubjects) {
      for (const idle of this.#tails.values()) {
        while (idle.oldest) this.#drop(idle.oldest);
        break;
      }
    }
    const tail: Tail = { subject, bytes: 0, oldest: undefined, newest: undefined };
    this.#tails.set(subject, tail);
    return tail;
  }

  #expire(nowMs: number): void {
    while (this.#oldest && nowMs - this.#oldest.atMs > this.#maxAgeMs) this.#drop(this.#oldest);
  }

  /** Unlinks a message that is the oldest of its tail; an empty tail goes with it. */
  #drop(message: Message): void {
    const { tail, older, newer, newerInTail } = message;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    tail.oldest = newerInTail;
    if (newerInTail) newerInTail.olderInTail = undefined;
    else {
      tail.newest = undefined;
      this.#tails.delete(tail.subject);
    }
    const bytes = message.data.byteLength + messageOverheadBytes;
    tail.bytes -= bytes;
    this.#totalBytes -= bytes;
  }
}
