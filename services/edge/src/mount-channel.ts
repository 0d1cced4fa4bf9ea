/**
 * One mount on this edge: turns its audio sequence into the ring of its channel and
 * serves its listeners. A cold one lets nobody in before it has caught up from the bus's
 * history.
 */
import { type Envelope, EnvelopeFlag, EnvelopeKind } from '@legacystream/core/bus/envelope.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { Codec } from '@legacystream/core/codecs/frame-splitter.ts';
import { Channel, type ChannelLimits } from '@legacystream/core/fanout/channel.ts';
import type { DeliveryPeriodLimits } from '@legacystream/core/fanout/delivery-period.ts';
import { DeliveryWheel } from '@legacystream/core/fanout/delivery-wheel.ts';
import { frameLengthOf } from '@legacystream/core/fanout/frame-lengths.ts';
import { IcyStream } from '@legacystream/core/fanout/icy-stream.ts';
import type { SlowListenerLimits } from '@legacystream/core/fanout/slow-listener-policy.ts';
import type { StreamPosition } from '@legacystream/core/fanout/stream-position.ts';
import { decodeNowPlaying, type MountState } from '@legacystream/core/mounts/mount-state.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import { AudioSequence, type AudioSequenceReader, type AudioSequenceStats } from './audio-sequence.ts';

export type MountChannelOptions = {
  readonly limits: ChannelLimits;
  readonly metaint: number;
  readonly slow: SlowListenerLimits;
  readonly period: DeliveryPeriodLimits;
};

type Waiter = { readonly isMet: () => boolean; readonly settle: () => void };

/** A pause of the source is no playing time. */
const maxArrivalGapMs = 1_000;

export class MountChannel implements AudioSequenceReader {
  readonly path: string;
  /** Listeners hear one codec for the life of a channel; another codec is another channel. */
  readonly codec: Codec;
  readonly wheel: DeliveryWheel;
  readonly icy: IcyStream;
  /** Since when nobody listens, monotonic; 0 while somebody does. */
  idleSinceMs: number;
  readonly #clock: Clock;
  readonly #channel: Channel;
  readonly #sequence: AudioSequence;
  #prompt: Timer | undefined;
  readonly #needsHeaders: boolean;
  #hasHeaders = false;
  /** Headers may have been among messages that are missing. */
  #missedHeaders = false;
  /** The latest message. */
  #epoch = 0;
  #seq = 0;
  /** The format tells how long its pieces last. */
  #tellsTime = false;
  #sourceClockMs = 0;
  readonly #waiting = new Set<Waiter>();

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
    const { ringBytes, ringUs } = options.limits;
    const history = { historyBytes: ringBytes, historyMs: ringUs / 1000 };
    this.#sequence = new AudioSequence(bus, clock, subject, { epoch: state.epoch, ...history }, this);
  }

  /** Settles when a listener can start, or after `timeoutMs`. @returns whether one can */
  ready(timeoutMs: number): Promise<boolean> {
    return this.#until(() => this.joinable, timeoutMs);
  }

  /** Where a position of the audio sequence lies: see {@link Channel.locate}. */
  locate(position: StreamPosition): number | 'ahead' | undefined {
    return this.#channel.locate(position);
  }

  /** Settles when a position is no longer ahead, or after `timeoutMs`. @returns whether it is not */
  reached(position: StreamPosition, timeoutMs: number): Promise<boolean> {
    return this.#until(() => this.#channel.locate(position) !== 'ahead', timeoutMs);
  }

  /** What the byte at a place of the ring is called in the audio sequence. */
  positionOf(at: number): StreamPosition | undefined {
    return this.#channel.positionOf(at);
  }

  get stats(): Readonly<AudioSequenceStats> {
    return this.#sequence.stats;
  }

  /** Playing time held, for metrics. */
  get depthUs(): number {
    return this.#channel.depthUs;
  }

  close(): void {
    this.#sequence.close();
    this.#prompt?.cancel();
    for (const { settle } of [...this.#waiting]) settle();
  }

  /** Whether a listener can start now. */
  get joinable(): boolean {
    return this.#sequence.isCaughtUp && this.#channel.newestSyncEntry() !== undefined;
  }

  caughtUp(): void {
    this.#wake();
  }

  apply(message: Envelope): void {
    const { epoch, seq } = message;
    const isNewEpoch = epoch !== this.#epoch;
    if (seq > (isNewEpoch ? 0 : this.#seq) + 1) {
      this.#missedHeaders = true;
      this.#channel.markGap();
    }
    // Another session's headers are not those of this one, which come before its audio.
    if (isNewEpoch) this.#hasHeaders = false;
    this.#epoch = epoch;
    this.#seq = seq;
    this.#channel.setOrigin(epoch, seq);
    switch (message.kind) {
      case EnvelopeKind.audio:
        return this.#append(message);
      case EnvelopeKind.headers:
        return this.#setHeaders(message);
      case EnvelopeKind.metadata: {
        const title = decodeNowPlaying(message.payload);
        if (title) this.#channel.setTitle(title.display, title.url);
        else this.#sequence.stats.malformed += 1;
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
    if (this.#needsHeaders && !this.#hasHeaders) return this.#channel.markGap();
    const durationUs = this.#durationOf(message);
    this.#channel.append(message.payload, durationUs, (message.flags & EnvelopeFlag.syncPoint) !== 0);
    if (this.#waiting.size > 0) this.#wake();
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

  async #until(isMet: () => boolean, timeoutMs: number): Promise<boolean> {
    if (isMet()) return true;
    await new Promise<void>((resolve) => {
      const settle = () => {
        timer.cancel();
        this.#waiting.delete(waiter);
        resolve();
      };
      const waiter = { isMet, settle };
      const timer = this.#clock.after(timeoutMs, settle);
      this.#waiting.add(waiter);
    });
    return isMet();
  }

  #wake(): void {
    for (const { isMet, settle } of [...this.#waiting]) if (isMet()) settle();
  }
}
