/**
 * Serves all listeners of one channel in laps (design §9): each lap takes one delivery
 * period, each tick serves the share of the listeners whose turn has come, and everyone
 * served from one position to one head is written the very same buffer.
 *
 * A listener that has not taken its last write is passed over and keeps its place in the
 * ring; it costs no memory beyond that one write and delays nobody. Those who left are
 * closed up at the end of a lap, which keeps the order and with it everyone's rhythm.
 */
import type { Clock } from '../clock.ts';
import type { Channel } from './channel.ts';
import { type DeliveryPeriodLimits, nextPeriodMs } from './delivery-period.ts';
import type { IcyStream } from './icy-stream.ts';
import type { Listener, ListenerEnd } from './listener.ts';
import { judgeLagging, judgeStalled, type SlowListenerLimits } from './slow-listener-policy.ts';

/** The largest single write to a listener that is catching up; bounds its memory. */
const catchUpBytes = 64 * 1024;

export type WheelStats = {
  writes: number;
  bytes: number;
  /** Listeners moved to live because they fell too far behind. */
  skips: number;
  /** Listeners cut off for being too slow. */
  cuts: number;
};

export class DeliveryWheel {
  readonly stats: WheelStats = { writes: 0, bytes: 0, skips: 0, cuts: 0 };
  readonly #channel: Channel;
  readonly #icy: IcyStream;
  readonly #clock: Clock;
  readonly #slow: SlowListenerLimits;
  readonly #period: DeliveryPeriodLimits;
  #listeners: Listener[] = [];
  #left = 0;
  #cursor = 0;
  #lapLength = 0;
  #lapStartMs = 0;
  #periodMs: number;
  /** Buffers made for the present head, by start position; ICY ones that need a title apart. */
  readonly #plainCache = new Map<number, Uint8Array>();
  readonly #icyCache = new Map<number, Uint8Array>();
  readonly #icyTitleCache = new Map<number, Uint8Array>();
  #cacheGeneration = -1;

  constructor(
    channel: Channel,
    icy: IcyStream,
    clock: Clock,
    slow: SlowListenerLimits,
    period: DeliveryPeriodLimits,
  ) {
    this.#channel = channel;
    this.#icy = icy;
    this.#clock = clock;
    this.#slow = slow;
    this.#period = period;
    this.#periodMs = period.minMs;
    this.#lapStartMs = clock.monotonicMs();
  }

  get listenerCount(): number {
    return this.#listeners.length - this.#left;
  }

  get periodMs(): number {
    return this.#periodMs;
  }

  /**
   * Takes a listener on board and writes it its burst.
   * @returns false while the channel has nothing that a listener could start with
   */
  join(listener: Listener): boolean {
    const entry = this.#channel.burstEntry();
    if (!entry) return false;
    this.#renewCaches();
    const head = this.#channel.head;
    if (entry.headers) this.#write(listener, entry.headers);
    if (listener.icy) {
      const start = this.#icy.startNear(entry);
      // Negative keys keep bursts apart from ranges that begin at the same position.
      let burst = this.#icyTitleCache.get(-1 - start.gridStart);
      if (!burst) {
        burst = this.#icy.join(start, head);
        this.#icyTitleCache.set(-1 - start.gridStart, burst);
      }
      listener.wantsTitle = start.gridStart + this.#icy.metaint >= head;
      this.#write(listener, burst);
    } else {
      this.#write(listener, this.#plain(entry.start, head));
    }
    listener.position = head;
    listener.aboard = true;
    this.#listeners.push(listener);
    return true;
  }

  /** Forgets a listener whose connection has gone; idempotent. */
  leave(listener: Listener): void {
    if (!listener.aboard) return;
    listener.aboard = false;
    this.#left += 1;
  }

  /** Serves those whose turn has come. @param edgeListeners the listeners of all channels of this edge */
  tick(edgeListeners: number): void {
    const nowMs = this.#clock.monotonicMs();
    const due = this.#dueBy(nowMs);
    this.#renewCaches();
    while (this.#cursor < due) {
      const listener = this.#listeners[this.#cursor]!;
      this.#cursor += 1;
      if (listener.aboard) this.#serve(listener, nowMs);
    }
    if (nowMs - this.#lapStartMs < this.#periodMs) return;
    this.#startLap(nowMs, edgeListeners);
  }

  /** Ends every listener, as the mount has ended or the server goes down. */
  closeAll(reason: ListenerEnd): void {
    for (const listener of this.#listeners) if (listener.aboard) listener.close(reason);
  }

  *listeners(): Iterable<Listener> {
    for (const listener of this.#listeners) if (listener.aboard) yield listener;
  }

  #dueBy(nowMs: number): number {
    const share = (nowMs - this.#lapStartMs) / this.#periodMs;
    return share >= 1 ? this.#lapLength : Math.floor(this.#lapLength * share);
  }

  #startLap(nowMs: number, edgeListeners: number): void {
    if (this.#left > 0) {
      this.#listeners = this.#listeners.filter((listener) => listener.aboard);
      this.#left = 0;
    }
    this.#cursor = 0;
    this.#lapLength = this.#listeners.length;
    // A late lap starts from now: hurrying after a stall would only pile up writes.
    const nextStartMs = this.#lapStartMs + this.#periodMs;
    this.#lapStartMs = nowMs - nextStartMs < this.#periodMs ? nextStartMs : nowMs;
    this.#periodMs = nextPeriodMs(this.#period, this.#periodMs, edgeListeners);
  }

  #serve(listener: Listener, nowMs: number): void {
    const head = this.#channel.head;
    if (listener.pendingBytes > 0) {
      if (listener.stalledSinceMs === 0) listener.stalledSinceMs = nowMs;
      if (judgeStalled(this.#slow, nowMs - listener.stalledSinceMs) === 'cut') this.#cut(listener);
      return;
    }
    listener.stalledSinceMs = 0;
    const { position } = listener;
    if (position === head) return;
    const verdict = judgeLagging(
      this.#slow,
      head - position,
      position >= this.#channel.tail,
      listener.skipsInRow,
    );
    if (verdict === 'cut') return this.#cut(listener);
    if (verdict === 'skip') return this.#skip(listener, head);
    const to = head - position <= catchUpBytes ? head : this.#channel.edgeWithin(position, catchUpBytes);
    if (to === head) listener.skipsInRow = 0;
    listener.position = to;
    if (!listener.icy)
      return this.#write(
        listener,
        to === head ? this.#plain(position, to) : this.#channel.slice(position, to),
      );
    const withTitle = listener.wantsTitle;
    if (withTitle && this.#icy.crosses(position, to)) listener.wantsTitle = false;
    this.#write(
      listener,
      to === head ? this.#interleaved(position, to, withTitle) : this.#icy.range(position, to, withTitle),
    );
  }

  #skip(listener: Listener, head: number): void {
    const target = this.#channel.newestSyncEntry();
    // Nothing to be set down on (a codec whose sync points are rare): wait for one.
    if (!target || target.start < listener.position) return;
    const before = this.#channel.entryAt(listener.position)?.headers;
    if (target.headers && target.headers !== before) this.#write(listener, target.headers);
    this.#write(
      listener,
      listener.icy ? this.#icy.skip(listener.position, target, head) : this.#plain(target.start, head),
    );
    listener.position = head;
    listener.wantsTitle = false;
    listener.skipsInRow += 1;
    this.stats.skips += 1;
  }

  #cut(listener: Listener): void {
    this.stats.cuts += 1;
    listener.close('too-slow');
  }

  #write(listener: Listener, data: Uint8Array): void {
    listener.bytesSent += data.byteLength;
    this.stats.writes += 1;
    this.stats.bytes += data.byteLength;
    listener.write(data);
  }

  #plain(from: number, head: number): Uint8Array {
    let data = this.#plainCache.get(from);
    if (!data) {
      data = this.#channel.slice(from, head);
      this.#plainCache.set(from, data);
    }
    return data;
  }

  #interleaved(from: number, head: number, withTitle: boolean): Uint8Array {
    const cache = withTitle ? this.#icyTitleCache : this.#icyCache;
    let data = cache.get(from);
    if (!data) {
      data = this.#icy.range(from, head, withTitle);
      cache.set(from, data);
    }
    return data;
  }

  #renewCaches(): void {
    if (this.#cacheGeneration === this.#channel.generation) return;
    this.#cacheGeneration = this.#channel.generation;
    this.#plainCache.clear();
    this.#icyCache.clear();
    this.#icyTitleCache.clear();
  }
}
