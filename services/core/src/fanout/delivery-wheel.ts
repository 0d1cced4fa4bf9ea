/**
 * Serves all listeners of one channel (design §9): each has its turn once per delivery
 * period, the turns are spread evenly over it, and everyone served from one position to
 * one head is written the very same buffer.
 *
 * Turns go in the order of the latest turn, at the rate that brings everybody's within one
 * period; whoever would wait longer than that all the same has his at the next tick. So a
 * crowd that came in one moment is spread out within a lap, and nobody's rhythm depends on
 * who comes or leaves. A listener that has not taken its last write is passed over and
 * keeps its place in the ring; it costs no memory beyond that write and delays nobody.
 */
import type { Clock } from '../clock.ts';
import type { Channel, ChannelEntry } from './channel.ts';
import { type DeliveryPeriodLimits, nextPeriodMs } from './delivery-period.ts';
import type { IcyStart, IcyStream } from './icy-stream.ts';
import type { Listener, ListenerEnd } from './listener.ts';
import { ServingQueue } from './serving-queue.ts';
import {
  judgeLagging,
  judgeStalled,
  plainWriteBytes,
  type SlowListenerLimits,
} from './slow-listener-policy.ts';
import { WriteCache } from './write-cache.ts';

/** However little a listener is given when it joins, its turns come no more often than this for the sake of it. */
const leastPeriodBoundMs = 250;

export type WheelStats = {
  writes: number;
  bytes: number;
  /** Listeners moved to live because they fell too far behind. */
  skips: number;
  /** Of the stream, that those who were moved never got. */
  skippedBytes: number;
  /** Listeners cut off for being too slow. */
  cuts: number;
};

/** Where a listener begins. */
export type ListenerPlace = {
  /** Its first byte of the stream. */
  readonly at: number;
  /** Bytes it is sent before that: codec headers, or the zeroes that lead there from the ICY grid. */
  readonly leadBytes: number;
};

export class DeliveryWheel {
  readonly stats: WheelStats = { writes: 0, bytes: 0, skips: 0, skippedBytes: 0, cuts: 0 };
  readonly #channel: Channel;
  readonly #icy: IcyStream;
  readonly #clock: Clock;
  readonly #slow: SlowListenerLimits;
  readonly #period: DeliveryPeriodLimits;
  readonly #queue = new ServingQueue();
  /** Those who went on from further back, until they are live: they lose nothing on the way. */
  readonly #catchingUp = new Set<Listener>();
  /** Those who came from another channel and have not had a turn, with the moment that they have heard up to. */
  readonly #arriving = new Map<Listener, number>();
  /** ICY listeners who went on at the head and have been sent nothing: they begin to count with their first byte. */
  readonly #beginning = new Set<Listener>();
  /** Turns that may be given before they are due; below 1 after each tick. */
  #credit = 0;
  #tickedMs: number;
  #periodMs: number;
  #lapStartMs: number;
  #lapHead = 0;
  /** The largest single write to a listener that is behind; bounds its memory. */
  #writeLimit = plainWriteBytes;

  /** Made for the present head, and gone when it moves. */
  #cachedGeneration = -1;
  #burst: { entry: ChannelEntry; start: IcyStart } | undefined;
  #live: ChannelEntry | undefined;
  readonly #bursts = new WriteCache();
  readonly #icyBursts = new WriteCache();
  readonly #icyMoves = new WriteCache();
  readonly #plain = new WriteCache();
  readonly #interleaved = new WriteCache();
  readonly #titled = new WriteCache();
  readonly #caches = [
    this.#bursts,
    this.#icyBursts,
    this.#icyMoves,
    this.#plain,
    this.#interleaved,
    this.#titled,
  ];

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
    this.#tickedMs = clock.monotonicMs();
    this.#lapStartMs = this.#tickedMs;
    this.#lapHead = channel.head;
  }

  get listenerCount(): number {
    return this.#queue.size;
  }

  get periodMs(): number {
    return this.#periodMs;
  }

  /**
   * Takes a listener on board and writes it its burst.
   * @returns false while the channel has nothing that a listener could start with
   */
  join(listener: Listener): boolean {
    if (this.#cachedGeneration !== this.#channel.generation) this.#renewCaches();
    this.#burst ??= this.#findBurst();
    if (!this.#burst) return false;
    const { head } = this.#channel;
    const { entry, start } = this.#burst;
    if (entry.headers) this.#write(listener, entry.headers);
    if (listener.icy) {
      listener.wantsTitle = start.firstBlock >= head;
      const cached = this.#icyBursts.get(start.countFrom);
      this.#write(listener, cached ?? this.#icyBursts.put(start.countFrom, this.#icy.begin(start, head)));
    } else {
      this.#write(listener, this.#upToHead(entry));
    }
    listener.position = head;
    listener.servedMs = this.#clock.monotonicMs();
    this.#queue.add(listener);
    return true;
  }

  /** Where {@link join} would let a listener begin just now; undefined while it cannot. */
  joinPlace(icy: boolean): ListenerPlace | undefined {
    if (this.#cachedGeneration !== this.#channel.generation) this.#renewCaches();
    this.#burst ??= this.#findBurst();
    if (!this.#burst) return undefined;
    const { entry, start } = this.#burst;
    const headerBytes = entry.headers?.byteLength ?? 0;
    if (!icy) return { at: entry.start, leadBytes: headerBytes };
    return { at: start.audioFrom, leadBytes: headerBytes + start.audioFrom - start.countFrom };
  }

  /** Where {@link resume} lets a listener begin. */
  resumePlace(icy: boolean, at: number): ListenerPlace {
    return { at, leadBytes: icy ? at - this.#icy.startAt(at).countFrom : 0 };
  }

  /**
   * Takes a listener on board that has been sent everything before `at`, a place within
   * the ring: it goes on with that very byte, is written no more at once than one who
   * joins, and catches up from turn to turn.
   */
  resume(listener: Listener, at: number): void {
    const { head, limits } = this.#channel;
    const to = this.#channel.edgeWithin(at, Math.max(limits.burstBytes, this.#writeLimit));
    const start = this.#icy.startAt(at);
    if (listener.icy) listener.wantsTitle = start.firstBlock >= to;
    const data = listener.icy ? this.#icy.begin(start, to) : this.#channel.slice(at, to);
    if (data.byteLength > 0) this.#write(listener, data);
    listener.position = to;
    listener.servedMs = this.#clock.monotonicMs();
    if (to < head) this.#catchingUp.add(listener);
    if (listener.icy && data.byteLength === 0) this.#beginning.add(listener);
    this.#queue.add(listener);
  }

  /**
   * Lets a listener go on to another channel's wheel: it stands between two whole pieces,
   * all of what it was written before included, even if its connection has not taken it yet.
   * @returns the moment, monotonic, at which what it has heard was live: for {@link admit}
   */
  release(listener: Listener): number {
    const heardMs =
      this.#arriving.get(listener) ??
      this.#clock.monotonicMs() - this.#channel.usBehind(listener.position) / 1000;
    this.leave(listener);
    return heardMs;
  }

  /**
   * Takes a listener on board that another wheel has released. At its first turn at which
   * its connection takes bytes it goes on here, as far behind live as it was there, so that
   * its player's cushion stays what it is. With ICY the interval of both channels must be
   * the same: grids begin at multiples of it, so its position there tells how many bytes
   * are left to its next block here.
   */
  admit(listener: Listener, heardMs: number): void {
    this.#arriving.set(listener, heardMs);
    listener.servedMs = this.#clock.monotonicMs();
    this.#queue.add(listener);
  }

  /** Forgets a listener whose connection has gone; idempotent. */
  leave(listener: Listener): void {
    this.#catchingUp.delete(listener);
    this.#arriving.delete(listener);
    this.#beginning.delete(listener);
    this.#queue.remove(listener);
  }

  /** Serves those whose turn has come. @param edgeListeners the listeners of all channels of this edge */
  tick(edgeListeners: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lapStartMs >= this.#periodMs) this.#startLap(nowMs, edgeListeners);
    if (this.#cachedGeneration !== this.#channel.generation) this.#renewCaches();
    const { size } = this.#queue;
    this.#credit = Math.min(size, this.#credit + (size * (nowMs - this.#tickedMs)) / this.#periodMs);
    this.#tickedMs = nowMs;
    const dueMs = nowMs - this.#periodMs;
    for (let left = size; left > 0; left -= 1) {
      const listener = this.#queue.first;
      if (!listener || (this.#credit < 1 && listener.servedMs > dueMs)) break;
      this.#credit = Math.max(0, this.#credit - 1);
      this.#queue.rotate();
      listener.servedMs = nowMs;
      this.#serve(listener, nowMs);
    }
  }

  /** While few listen, nobody need wait for a turn: {@link serveAll} serves what has just come. */
  get isPrompt(): boolean {
    return this.#queue.size > 0 && this.#periodMs <= this.#period.minMs;
  }

  /** Serves everybody at once. */
  serveAll(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#cachedGeneration !== this.#channel.generation) this.#renewCaches();
    for (const listener of this.#queue) {
      listener.servedMs = nowMs;
      this.#serve(listener, nowMs);
    }
  }

  /** Ends every listener, as the mount has ended or the server goes down; each still gets what there is for it. */
  closeAll(reason: ListenerEnd): void {
    this.serveAll();
    for (const listener of this.#queue) {
      this.leave(listener);
      listener.close(reason);
    }
  }

  listeners(): Iterable<Listener> {
    return this.#queue;
  }

  #startLap(nowMs: number, edgeListeners: number): void {
    const { head } = this.#channel;
    // What a period brings must fit into one write, or nobody could keep up; twice that, to catch up.
    const writeLimit = Math.max(plainWriteBytes, 2 * (head - this.#lapHead));
    if (writeLimit !== this.#writeLimit) this.#cachedGeneration = -1;
    this.#writeLimit = writeLimit;
    this.#lapHead = head;
    this.#lapStartMs = nowMs;
    const { minMs, maxMs, idleListeners } = this.#period;
    const limits = { minMs, maxMs: Math.min(maxMs, Math.max(minMs, this.#longestPeriodMs())), idleListeners };
    this.#periodMs = nextPeriodMs(limits, this.#periodMs, edgeListeners);
    this.#queue.shrink();
  }

  /** A player has what it was given when it joined, and must not run dry before its next turn. */
  #longestPeriodMs(): number {
    const entry = this.#channel.burstEntry();
    const burstMs = entry ? this.#channel.usBehind(entry.start) / 1000 : 0;
    return Math.max(leastPeriodBoundMs, burstMs / 2);
  }

  #serve(listener: Listener, nowMs: number): void {
    const { pendingBytes } = listener;
    if (pendingBytes > 0) {
      if (listener.stalledSinceMs < 0) listener.stalledSinceMs = nowMs;
      const stalledMs = nowMs - listener.stalledSinceMs;
      if (judgeStalled(this.#slow, stalledMs, pendingBytes) === 'cut') this.#cut(listener);
      return;
    }
    listener.stalledSinceMs = -1;
    const heardMs = this.#arriving.size > 0 ? this.#arriving.get(listener) : undefined;
    if (heardMs !== undefined) return this.#setDown(listener, nowMs - heardMs);
    const { head, tail } = this.#channel;
    const { position } = listener;
    if (position === head) return;
    const isHere = position >= tail;
    const verdict = judgeLagging(this.#slow, head - position, isHere, listener.skipsInRow);
    if (verdict === 'cut') return this.#cut(listener);
    const mayLag = verdict === 'skip' && isHere && this.#catchingUp.has(listener);
    if (verdict === 'skip' && !mayLag && this.#skip(listener, head)) return;
    if (!isHere) return;
    const to =
      head - position <= this.#writeLimit ? head : this.#channel.edgeWithin(position, this.#writeLimit);
    if (to === head) this.#isLive(listener);
    listener.position = to;
    this.#write(listener, this.#stretch(listener, position, to));
  }

  #isLive(listener: Listener): void {
    listener.skipsInRow = 0;
    if (this.#catchingUp.size > 0) this.#catchingUp.delete(listener);
  }

  #stretch(listener: Listener, from: number, to: number): Uint8Array {
    if (this.#beginning.size > 0 && this.#beginning.delete(listener)) {
      const start = this.#icy.startAt(from);
      listener.wantsTitle = start.firstBlock >= to;
      return this.#icy.begin(start, to);
    }
    if (!listener.icy || !this.#icy.crosses(from, to)) {
      return this.#plain.get(from) ?? this.#plain.put(from, this.#channel.slice(from, to));
    }
    const { wantsTitle } = listener;
    listener.wantsTitle = false;
    const cache = wantsTitle ? this.#titled : this.#interleaved;
    return cache.get(from) ?? cache.put(from, this.#icy.range(from, to, wantsTitle));
  }

  /** @returns false when there is no later place to be set down on (a codec whose sync points are rare) */
  #skip(listener: Listener, head: number): boolean {
    this.#live ??= this.#findLive();
    const entry = this.#live;
    if (!entry || entry.start <= listener.position) return false;
    if (entry.headers && entry.headers !== this.#channel.headersBefore(listener.position))
      this.#write(listener, entry.headers);
    // To the frame: who has titles is set down at a whole interval near it.
    this.stats.skippedBytes += entry.start - listener.position;
    this.#moveTo(entry, listener, head);
    this.#catchingUp.delete(listener);
    listener.skipsInRow += 1;
    this.stats.skips += 1;
    return true;
  }

  /** Begins with a listener from another channel; while there is no place to begin it waits. */
  #setDown(listener: Listener, behindMs: number): void {
    const entry = this.#channel.startWithin(this.#liveBytes, Math.min(behindMs * 1000, this.#liveUs));
    if (!entry) return;
    this.#arriving.delete(listener);
    if (entry.headers) this.#write(listener, entry.headers);
    this.#moveTo(entry, listener, this.#channel.head);
  }

  #moveTo(entry: ChannelEntry, listener: Listener, head: number): void {
    if (listener.icy) {
      const start = this.#icy.moveNear(listener.position, entry);
      listener.wantsTitle = start.firstBlock >= head;
      const { countFrom } = start;
      this.#write(
        listener,
        this.#icyMoves.get(countFrom) ?? this.#icyMoves.put(countFrom, this.#icy.begin(start, head)),
      );
    } else {
      this.#write(listener, this.#upToHead(entry));
    }
    listener.position = head;
  }

  #cut(listener: Listener): void {
    this.stats.cuts += 1;
    this.leave(listener);
    listener.close('too-slow');
  }

  #write(listener: Listener, data: Uint8Array): void {
    listener.bytesSent += data.byteLength;
    this.stats.writes += 1;
    this.stats.bytes += data.byteLength;
    listener.write(data);
  }

  #findBurst(): { entry: ChannelEntry; start: IcyStart } | undefined {
    const entry = this.#channel.burstEntry();
    return entry && { entry, start: this.#icy.startNear(entry) };
  }

  /** Where who fell behind is set down: as a new listener, but no further back than it may fall again. */
  #findLive(): ChannelEntry | undefined {
    return this.#channel.startWithin(this.#liveBytes, this.#liveUs);
  }

  get #liveBytes(): number {
    return Math.min(this.#channel.limits.burstBytes, plainWriteBytes, this.#slow.maxLagBytes / 2);
  }

  get #liveUs(): number {
    return this.#channel.limits.burstUs;
  }

  #upToHead(entry: ChannelEntry): Uint8Array {
    const cached = this.#bursts.get(entry.start);
    return cached ?? this.#bursts.put(entry.start, this.#channel.slice(entry.start, this.#channel.head));
  }

  #renewCaches(): void {
    this.#cachedGeneration = this.#channel.generation;
    this.#burst = undefined;
    this.#live = undefined;
    for (const cache of this.#caches) cache.clear();
  }
}
