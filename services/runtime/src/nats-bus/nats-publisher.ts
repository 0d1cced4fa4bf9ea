/**
 * Sends what a bus publishes. Audio goes through a ring: it waits there while there is no
 * connection or the server does not keep up, and what a broken connection may have
 * swallowed goes out again before anything newer. The rest is sent at once or dropped.
 *
 * What the server has not confirmed is bounded, so that a frozen server cannot make this
 * process grow.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { HistoryBounds } from '@legacystream/core/ports/bus.ts';
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { AudioRing } from './audio-ring.ts';
import { ConfirmedWrites } from './confirmed-writes.ts';
import type { NatsBusOptions, NatsBusStats } from './nats-bus-options.ts';

export type SendOptions = { readonly reply?: string; readonly headers?: MsgHdrs };

const defaultRingMs = 15_000;
const defaultRingBytes = 64 * 1024 * 1024;
const defaultUnconfirmedBytes = 16 * 1024 * 1024;
/** A server that confirmed a message may have died before it passed it on. */
const resendMarginMs = 2_000;
/** Subscribers that lost the same server get this long to be back before audio goes on. */
const resumeAfterMs = 400;
const overheadBytes = 64;

export class NatsPublisher {
  readonly #clock: Clock;
  readonly #audioPrefix: string;
  readonly #maxUnconfirmedBytes: number;
  readonly #ringMs: number;
  readonly #stats: NatsBusStats;
  readonly #onFirstAudio: () => void;
  readonly #onDead: () => void;
  #hasAudio = false;
  readonly #ring: AudioRing;
  #connection: NatsConnection | undefined;
  #writes: ConfirmedWrites | undefined;
  /** Runs while audio is held back after a reconnect. */
  #resume: Timer | undefined;

  /**
   * @param on.firstAudio from now on this publisher has tails to give
   * @param on.dead the connection is of no use any more
   */
  constructor(
    options: Pick<NatsBusOptions, 'clock' | 'audioPrefix' | 'ringMs' | 'ringBytes' | 'maxUnconfirmedBytes'>,
    stats: NatsBusStats,
    on: { readonly firstAudio: () => void; readonly dead: () => void },
  ) {
    this.#clock = options.clock;
    this.#audioPrefix = options.audioPrefix;
    this.#maxUnconfirmedBytes = options.maxUnconfirmedBytes ?? defaultUnconfirmedBytes;
    this.#stats = stats;
    this.#onFirstAudio = on.firstAudio;
    this.#onDead = on.dead;
    const { ringMs = defaultRingMs, ringBytes = defaultRingBytes } = options;
    this.#ringMs = ringMs;
    this.#ring = new AudioRing({ maxAgeMs: ringMs, maxBytes: ringBytes }, (count) => {
      stats.dropped += count;
    });
  }

  /** @param subject a valid one */
  publish(subject: string, data: Uint8Array): void {
    if (!subject.startsWith(this.#audioPrefix)) {
      if (this.send(subject, data)) this.#stats.published += 1;
      else this.#stats.dropped += 1;
      return;
    }
    if (!this.#hasAudio) {
      this.#hasAudio = true;
      this.#onFirstAudio();
    }
    this.#ring.append(subject, data, this.#clock.monotonicMs());
    this.#pump();
  }

  /** @returns whether it was sent; false without a connection, or when the server does not keep up */
  send(subject: string, data: Uint8Array, options?: SendOptions): boolean {
    return this.#hasRoom && this.#write(subject, data, options);
  }

  up(connection: NatsConnection): void {
    this.#connection = connection;
    this.#writes = new ConfirmedWrites({
      clock: this.#clock,
      ping: () => connection.flush(),
      mark: () => this.#ring.sentMark,
      hurryBytes: this.#maxUnconfirmedBytes / 4,
      onConfirmed: (mark, sentAtMs) => {
        this.#ring.confirm(mark, sentAtMs);
        this.#pump();
      },
      onDead: this.#onDead,
    });
    if (this.#ring.waiting === 0) return;
    this.#resume = this.#clock.after(resumeAfterMs, () => {
      this.#resume = undefined;
      this.#pump();
    });
  }

  down(): void {
    this.#connection = undefined;
    this.#resume?.cancel();
    this.#resume = undefined;
    this.#writes?.close();
    this.#writes = undefined;
    this.#ring.expire(this.#clock.monotonicMs());
    this.#ring.rewind(resendMarginMs);
  }

  /** What is held of an audio subject, oldest first. */
  tail(subject: string, { maxBytes, maxAgeMs }: HistoryBounds): Uint8Array[] {
    const sinceMs = this.#clock.monotonicMs() - Math.min(maxAgeMs, this.#ringMs);
    return this.#ring.tail(subject, sinceMs, maxBytes);
  }

  sendAllAgain(): void {
    this.#ring.rewindAll();
    this.#pump();
  }

  expire(): void {
    this.#ring.expire(this.#clock.monotonicMs());
  }

  async flush(): Promise<void> {
    this.#resume?.cancel();
    this.#resume = undefined;
    this.#pump();
    do await this.#connection?.flush();
    while (this.#connection && this.#ring.waiting > 0);
  }

  close(): void {
    this.down();
    this.#ring.clear();
  }

  get #hasRoom(): boolean {
    return this.#writes !== undefined && this.#writes.unconfirmedBytes < this.#maxUnconfirmedBytes;
  }

  #pump(): void {
    while (this.#hasRoom && !this.#resume) {
      const message = this.#ring.peek();
      if (!message) return;
      const isSent = this.#write(message.subject, message.data);
      // Without a connection any more it goes out with the next one; too large, it never does.
      if (!isSent && this.#isBroken) return;
      const isFirst = this.#ring.advance();
      if (!isSent) this.#stats.dropped += isFirst ? 1 : 0;
      else if (isFirst) this.#stats.published += 1;
      else this.#stats.republished += 1;
    }
  }

  get #isBroken(): boolean {
    return !this.#connection || this.#connection.isClosed();
  }

  #write(subject: string, data: Uint8Array, options?: SendOptions): boolean {
    try {
      this.#connection!.publish(subject, data, options && { ...options });
    } catch {
      // The connection has ended, or the message is larger than the server takes.
      return false;
    }
    this.#writes?.wrote(data.byteLength + subject.length + overheadBytes);
    return true;
  }
}
