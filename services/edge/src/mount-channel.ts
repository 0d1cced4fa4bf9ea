/**
 * One mount on this edge: follows its audio sequence on the bus, keeps the ring and
 * serves its listeners. A cold one first catches up from the bus's history and then
 * splices what came meanwhile, by (epoch, seq) alone.
 */
import {
  decodeEnvelope,
  type Envelope,
  EnvelopeFlag,
  EnvelopeKind,
} from '@legacystream/core/bus/envelope.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { Codec } from '@legacystream/core/codecs/frame-splitter.ts';
import { Channel, type ChannelLimits } from '@legacystream/core/fanout/channel.ts';
import type { DeliveryPeriodLimits } from '@legacystream/core/fanout/delivery-period.ts';
import { DeliveryWheel } from '@legacystream/core/fanout/delivery-wheel.ts';
import { frameLengthOf } from '@legacystream/core/fanout/frame-lengths.ts';
import { IcyStream } from '@legacystream/core/fanout/icy-stream.ts';
import { SequenceGate } from '@legacystream/core/fanout/sequence-gate.ts';
import type { SlowListenerLimits } from '@legacystream/core/fanout/slow-listener-policy.ts';
import { decodeNowPlaying, type MountState } from '@legacystream/core/mounts/mount-state.ts';
import type { Bus, Subscription } from '@legacystream/core/ports/bus.ts';

export type MountChannelOptions = {
  readonly limits: ChannelLimits;
  readonly metaint: number;
  readonly slow: SlowListenerLimits;
  readonly period: DeliveryPeriodLimits;
};

export type MountChannelStats = {
  /** Messages that were none, of a fenced writer, or seen before. */
  malformed: number;
  stale: number;
  /** Messages known to be missing. */
  lost: number;
};

/** Live messages kept while history is being read; beyond, and after a while, it is done without. */
const maxSpliceBytes = 4 * 1024 * 1024;
const spliceOverheadBytes = 256;
const maxHistoryMs = 5_000;
/** A pause of the source is no playing time. */
const maxArrivalGapMs = 1_000;

export class MountChannel {
  readonly path: string;
  /** Listeners hear one codec for the life of a channel; another codec is another channel. */
  readonly codec: Codec;
  readonly wheel: DeliveryWheel;
  readonly icy: IcyStream;
  readonly stats: MountChannelStats = { malformed: 0, stale: 0, lost: 0 };
  /** Since when nobody listens, monotonic; 0 while somebody does. */
  idleSinceMs: number;
  readonly #clock: Clock;
  readonly #channel: Channel;
  readonly #gate = new SequenceGate();
  #prompt: Timer | undefined;
  readonly #subscription: Subscription;
  readonly #needsHeaders: boolean;
  #hasHeaders = false;
  /** Headers may have been among messages that are missing. */
  #missedHeaders = false;
  #splice: Uint8Array[] | undefined = [];
  #spliceBytes = 0;
  readonly #historyDeadline: Timer;
  /** The format tells how long its pieces last. */
  #tellsTime = false;
  #sourceClockMs = 0;
  readonly #waiting = new Set<() => void>();

  constructor(bus: Bus, clock: Clock, subject: string, state: MountState, options: MountChannelOptions) {
    this.path = state.path;
    this.codec = state.codec;
    this.#clock = clock;
    this.idleSinceMs = clock.monotonicMs();
    this.#needsHeaders =
      state.codec.startsWith('ogg') || state.codec === 'flac' || state.codec === 'matroska';
    this.#channel = new Channel(options.limits);
    this.#channel.setTitle(state.nowPlaying.display, state.nowPlaying.url);
    this.icy = new IcyStream(this.#channel, options.metaint, frameLengthOf(state.codec));
    this.wheel = new DeliveryWheel(this.#channel, this.icy, clock, options.slow, options.period);
    // An epoch below the announced one has been superseded already.
    this.#gate.fence(state.epoch);
    this.#subscription = bus.subscribe(subject, (data) => this.#receive(data));
    this.#historyDeadline = clock.after(maxHistoryMs, () => this.#catchUp([]));
    const { ringBytes, ringUs } = options.limits;
    void bus
      .history(subject, { maxBytes: ringBytes, maxAgeMs: ringUs / 1000 })
      .catch(() => [])
      .then((history) => this.#catchUp(history));
  }

  /** Settles when a listener can start, or after `timeoutMs`. @returns whether one can */
  async ready(timeoutMs: number): Promise<boolean> {
    if (this.joinable) return true;
    await new Promise<void>((resolve) => {
      const settle = () => {
        timer.cancel();
        this.#waiting.delete(settle);
        resolve();
      };
      const timer = this.#clock.after(timeoutMs, settle);
      this.#waiting.add(settle);
    });
    return this.joinable;
  }

  /** Playing time held, for metrics. */
  get depthUs(): number {
    return this.#channel.depthUs;
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.#historyDeadline.cancel();
    this.#prompt?.cancel();
    this.#wake();
  }

  /** Whether a listener can start now. */
  get joinable(): boolean {
    return this.#splice === undefined && this.#channel.newestSyncEntry() !== undefined;
  }

  #receive(data: Uint8Array): void {
    if (!this.#splice) return this.#take(data);
    this.#splice.push(data);
    this.#spliceBytes += data.byteLength + spliceOverheadBytes;
    if (this.#spliceBytes > maxSpliceBytes) this.#catchUp([]);
  }

  #catchUp(history: readonly Uint8Array[]): void {
    const live = this.#splice;
    // It came too late: what it could tell has been gone on without.
    if (!live) return;
    this.#splice = undefined;
    this.#historyDeadline.cancel();
    for (const data of history) this.#take(data);
    for (const data of live) this.#take(data);
    if (this.joinable) this.#wake();
  }

  #take(data: Uint8Array): void {
    const message = decodeEnvelope(data);
    if (!message) {
      this.stats.malformed += 1;
      return;
    }
    const { epoch, seq } = message;
    const admission = this.#gate.judge(epoch, seq);
    if (admission === 'stale' || admission === 'duplicate') {
      this.stats.stale += 1;
      return;
    }
    const known = admission === 'new-epoch' ? 0 : this.#gate.seq;
    if (seq > known + 1) {
      // What came before this channel followed the sequence is not lost.
      if (this.#gate.seq > 0) this.stats.lost += seq - known - 1;
      this.#missedHeaders = true;
    }
    // Another session's headers are not those of this one, which come before its audio.
    if (admission === 'new-epoch') this.#hasHeaders = false;
    this.#gate.take(epoch, seq);
    this.#apply(message);
  }

  #apply(message: Envelope): void {
    switch (message.kind) {
      case EnvelopeKind.audio:
        return this.#append(message);
      case EnvelopeKind.headers:
        return this.#setHeaders(message);
      case EnvelopeKind.metadata: {
        const title = decodeNowPlaying(message.payload);
        if (title) this.#channel.setTitle(title.display, title.url);
        else this.stats.malformed += 1;
        return;
      }
      default:
    }
  }

  #setHeaders(message: Envelope): void {
    const { payload, flags } = message;
    // A repetition makes up for headers in band that those on air have missed.
    const makesUp = this.#missedHeaders && !this.#channel.hasHeaders(payload);
    this.#hasHeaders = true;
    this.#missedHeaders = false;
    this.#channel.setHeaders(payload, makesUp || (flags & EnvelopeFlag.inBand) !== 0);
  }

  #append(message: Envelope): void {
    // Without its headers nobody could make sense of the audio; they are repeated soon.
    if (this.#needsHeaders && !this.#hasHeaders) return;
    const durationUs = this.#durationOf(message);
    this.#channel.append(message.payload, durationUs, (message.flags & EnvelopeFlag.syncPoint) !== 0);
    if (this.#waiting.size > 0 && this.joinable) this.#wake();
    if (this.wheel.isPrompt) this.#prompt ??= this.#clock.after(0, () => this.#serveAll());
  }

  /** What came in one go is written in one go. */
  #serveAll(): void {
    this.#prompt = undefined;
    if (this.wheel.isPrompt) this.wheel.serveAll();
  }

  /** Where the format never tells its playing time, the time of arrival at the source's pod stands for it. */
  #durationOf({ durationUs, sourceClockMs }: Envelope): number {
    const sinceMs = sourceClockMs - this.#sourceClockMs;
    this.#sourceClockMs = sourceClockMs;
    if (durationUs > 0) this.#tellsTime = true;
    return this.#tellsTime ? durationUs : Math.min(Math.max(0, sinceMs), maxArrivalGapMs) * 1000;
  }

  #wake(): void {
    for (const settle of [...this.#waiting]) settle();
  }
}
