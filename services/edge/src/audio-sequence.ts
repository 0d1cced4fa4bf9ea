/**
 * Follows the audio sequence of one mount on the bus and hands on every message of it in
 * the order of (epoch, seq), each once (design §2.2, §6).
 *
 * A cold reader holds what comes live until the bus's history has been read, and begins
 * with the oldest of both. When numbers jump later on, what lies beyond the gap is held
 * while the history is asked for the rest, again and again; messages that come late or are
 * published once more fill it as well. Nothing is held for longer than {@link maxHoldMs}:
 * what is missing then is counted as lost and gone on without. A new writer's first
 * message supersedes whatever its predecessor may still have had to say.
 */
import { decodeEnvelope, type Envelope } from '@legacystream/core/bus/envelope.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { SequenceGate } from '@legacystream/core/fanout/sequence-gate.ts';
import type { Bus, Subscription } from '@legacystream/core/ports/bus.ts';
import { HeldMessages, order } from './held-messages.ts';

export type AudioSequenceOptions = {
  /** Lower ones have been superseded already. */
  readonly epoch: number;
  /** How much history is of use. */
  readonly historyBytes: number;
  readonly historyMs: number;
};

export type AudioSequenceStats = {
  /** Messages that were none. */
  malformed: number;
  /** Messages of a superseded writer, or taken before. */
  stale: number;
  /** Messages that were found missing and came in time after all, live or from the history. */
  repaired: number;
  /** Messages known to be missing for good. */
  lost: number;
};

export interface AudioSequenceReader {
  /** Called with each message; never again for one that came before it. */
  apply(message: Envelope): void;
  /** What the history could tell has been applied; from now on the reader is live. */
  caughtUp(): void;
}

/** The history that a cold reader begins with may take this long; later it is gone on without. */
export const maxHistoryMs = 5_000;
/** How long and how much is held for a gap. */
export const maxHoldMs = 1_500;
export const maxHeldBytes = 4 * 1024 * 1024;
/** The history is read once more after so long, then after twice as long, and so on. */
const firstRetryMs = 200;
/** The clocks that measure how old a message is are not ours. */
const historySlackMs = 2_000;
/** One that waits for a stream without a leader must not keep the next from asking its publisher. */
const maxReads = 4;

export class AudioSequence {
  readonly stats: AudioSequenceStats = { malformed: 0, stale: 0, repaired: 0, lost: 0 };
  readonly #bus: Pick<Bus, 'history'>;
  readonly #clock: Clock;
  readonly #subject: string;
  readonly #options: AudioSequenceOptions;
  readonly #reader: AudioSequenceReader;
  readonly #gate = new SequenceGate();
  readonly #held = new HeldMessages();
  readonly #subscription: Subscription;
  #isCold = true;
  #isCaughtUp = false;
  #isClosed = false;
  /** Until when the history of a cold reader is waited for, then until when a gap is. */
  #deadline: Timer | undefined;
  #retry: Timer | undefined;
  /** Reads of the history that have not been answered. */
  #reads = 0;
  /** When the latest of what was applied came; until the reader has caught up, when it began to listen. */
  #heardMs: number;

  constructor(
    bus: Pick<Bus, 'subscribe' | 'history'>,
    clock: Clock,
    subject: string,
    options: AudioSequenceOptions,
    reader: AudioSequenceReader,
  ) {
    this.#bus = bus;
    this.#clock = clock;
    this.#subject = subject;
    this.#options = options;
    this.#reader = reader;
    this.#heardMs = clock.monotonicMs();
    this.#gate.fence(options.epoch);
    this.#subscription = bus.subscribe(subject, (data) => this.#receive(data));
    this.#deadline = clock.after(maxHistoryMs, () => this.#begin([]));
    this.#read(options.historyMs, (history) => this.#begin(history));
  }

  /** The history has been taken in, as far as it came. */
  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
  }

  close(): void {
    this.#isClosed = true;
    this.#subscription.unsubscribe();
    this.#stopRepair();
    this.#held.takeAll();
  }

  #receive(data: Uint8Array): void {
    const message = decodeEnvelope(data);
    if (!message) {
      this.stats.malformed += 1;
      return;
    }
    const { epoch, seq } = message;
    if (!this.#gate.isAhead(epoch, seq)) {
      this.stats.stale += 1;
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    if (!this.#isCold && this.#held.count === 0 && this.#gate.missingBefore(epoch, seq) === 0) {
      this.#heardMs = nowMs;
      return this.#take(message);
    }
    const { last } = this.#held;
    if (!this.#held.add(message, nowMs)) {
      this.stats.stale += 1;
    } else if (this.#isCold) {
      if (this.#held.bytes > maxHeldBytes) this.#begin([]);
    } else {
      if (last && order(message, last) < 0) this.stats.repaired += 1;
      this.#advance();
    }
  }

  /** Ends being cold, with what the history told. One that comes later is ignored. */
  #begin(history: readonly Uint8Array[]): void {
    if (!this.#isCold) return;
    this.#isCold = false;
    this.#stopRepair();
    const messages: Envelope[] = [];
    for (const data of history) {
      const message = decodeEnvelope(data);
      if (!message) this.stats.malformed += 1;
      else if (this.#gate.isAhead(message.epoch, message.seq)) messages.push(message);
      else this.stats.stale += 1;
    }
    // Their wait was for the history; only now it is seen what is missing.
    messages.push(...this.#held.takeAll());
    this.#held.addAll(messages, this.#clock.monotonicMs());
    this.#advance();
  }

  /** Takes what the history told of a gap. */
  #repair(history: readonly Uint8Array[]): void {
    // Whoever waited for it goes on already.
    const { last } = this.#held;
    if (!last) return;
    const filling: Envelope[] = [];
    const following: Envelope[] = [];
    for (const data of history) {
      const message = decodeEnvelope(data);
      if (!message || !this.#gate.isAhead(message.epoch, message.seq)) continue;
      (order(message, last) < 0 ? filling : following).push(message);
    }
    const nowMs = this.#clock.monotonicMs();
    this.stats.repaired += this.#held.addAll(filling, nowMs);
    this.#held.addAll(following, nowMs);
    this.#advance();
  }

  /** Applies what can be applied, and sees to it that the rest is waited for. */
  #advance(): void {
    const before = this.#held.count;
    while (this.#isNext(this.#held.first)) this.#takeFirst();
    while (this.#held.bytes > maxHeldBytes) this.#takeFirst();
    while (this.#isNext(this.#held.first)) this.#takeFirst();
    if (this.#held.count === 0) return this.#live();
    const isOtherGap = this.#held.count < before;
    if (isOtherGap) this.#stopRepair();
    if (this.#deadline) return;
    const waitedMs = this.#clock.monotonicMs() - this.#held.oldestMs;
    this.#deadline = this.#clock.after(Math.max(0, maxHoldMs - waitedMs), () => this.#giveUp());
    this.#askFor(firstRetryMs);
  }

  /** Goes on without what is missing before those that have waited long enough. */
  #giveUp(): void {
    this.#stopRepair();
    const due = this.#held.countThrough(this.#clock.monotonicMs() - maxHoldMs);
    for (let i = 0; i < due; i += 1) this.#takeFirst();
    this.#advance();
  }

  #isNext(message: Envelope | undefined): boolean {
    return message !== undefined && this.#gate.missingBefore(message.epoch, message.seq) === 0;
  }

  #takeFirst(): void {
    if (this.#isCaughtUp) this.#heardMs = Math.max(this.#heardMs, this.#held.firstMs);
    const message = this.#held.shift();
    if (!message) return;
    this.stats.lost += this.#gate.missingBefore(message.epoch, message.seq);
    this.#take(message);
  }

  #take(message: Envelope): void {
    this.#gate.take(message.epoch, message.seq);
    this.#reader.apply(message);
  }

  #live(): void {
    this.#stopRepair();
    if (this.#isCaughtUp) return;
    this.#isCaughtUp = true;
    this.#reader.caughtUp();
  }

  #askFor(retryMs: number): void {
    const ageMs = this.#clock.monotonicMs() - this.#heardMs + historySlackMs;
    this.#read(ageMs, (history) => this.#repair(history));
    this.#retry = this.#clock.after(retryMs, () => this.#askFor(2 * retryMs));
  }

  #read(maxAgeMs: number, take: (history: readonly Uint8Array[]) => void): void {
    if (this.#reads >= maxReads) return;
    this.#reads += 1;
    void this.#bus
      .history(this.#subject, { maxBytes: this.#options.historyBytes, maxAgeMs })
      .catch(() => [])
      .then((history) => {
        this.#reads -= 1;
        if (!this.#isClosed) take(history);
      });
  }

  #stopRepair(): void {
    this.#deadline?.cancel();
    this.#retry?.cancel();
    this.#deadline = undefined;
    this.#retry = undefined;
  }
}
