/**
 * The channels of this edge: opened when the first listener of a mount comes, closed some
 * time after the last has left, driven by one ticker for all (design §6, §9).
 */
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { defaultIdleListeners } from '@legacystream/core/fanout/delivery-period.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import { mountSettingsFor } from '@legacystream/runtime/config/mount-settings.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import { MountChannel } from './mount-channel.ts';
import type { MountDirectory } from './mount-directory.ts';

const minPeriodMs = 50;
/** Turns are given out so often, as their period allows: every tick wakes the process. */
const ticksPerPeriod = 20;
const minTickMs = 25;
const maxTickMs = 50;
/** While nobody listens it is only looked for channels that may go. */
const idleTickMs = 1_000;
const lingerAfterLastMs = 30_000;
const maxStallMs = 30_000;
const maxSkips = 5;
/** A ring is bounded in bytes too, for streams whose playing time nobody can tell. */
const maxRingBytes = 16 * 1024 * 1024;

export class ChannelHub {
  /** Of channels that have been closed; the totals must not go back with them. */
  readonly closedTotals = {
    writes: 0,
    bytes: 0,
    skips: 0,
    skippedBytes: 0,
    cuts: 0,
    malformed: 0,
    stale: 0,
    repaired: 0,
    lost: 0,
  };
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #subjects: Subjects;
  readonly #settings: Settings;
  readonly #channels = new Map<string, MountChannel>();
  readonly #unwatch: () => void;
  #ticker: Timer;
  #tickMs = idleTickMs;
  #idleCheckedMs = 0;

  constructor(bus: Bus, clock: Clock, subjects: Subjects, settings: Settings, directory: MountDirectory) {
    this.#bus = bus;
    this.#clock = clock;
    this.#subjects = subjects;
    this.#settings = settings;
    this.#unwatch = directory.watch((state) => this.#onState(state));
    this.#ticker = clock.after(idleTickMs, () => this.#tick());
  }

  /** The channel of a live mount; opened if need be. */
  demand(state: MountState): MountChannel {
    let channel = this.#channels.get(state.path);
    if (!channel) {
      channel = this.#open(state);
      this.#channels.set(state.path, channel);
    }
    // Whoever asks for it is about to listen.
    if (channel.idleSinceMs > 0) channel.idleSinceMs = this.#clock.monotonicMs();
    if (this.#tickMs > maxTickMs) {
      this.#ticker.cancel();
      this.#tickAfter(minTickMs);
    }
    return channel;
  }

  /** The channel of a mount if it is open. */
  find(path: string): MountChannel | undefined {
    return this.#channels.get(path);
  }

  channels(): Iterable<MountChannel> {
    return this.#channels.values();
  }

  close(): void {
    this.#ticker.cancel();
    this.#unwatch();
    for (const channel of this.#channels.values()) {
      channel.wheel.closeAll('shutdown');
      channel.close();
    }
    this.#channels.clear();
  }

  #open(state: MountState): MountChannel {
    const mount = mountSettingsFor(this.#settings, state.path);
    const { streaming, limits } = this.#settings;
    return new MountChannel(this.#bus, this.#clock, this.#subjects.audio(mountIdOf(state.path)), state, {
      limits: {
        ringUs: streaming.maxLatency * 1e6,
        ringBytes: maxRingBytes,
        burstUs: mount.defaultLatency * 1e6,
        burstBytes: mount.bufferSize,
      },
      metaint: mount.metaInterval,
      slow: { maxLagBytes: limits.maxListenerQueue, maxStallMs, maxSkips },
      period: {
        minMs: Math.min(minPeriodMs, mount.maxDelivery * 1000),
        maxMs: mount.maxDelivery * 1000,
        idleListeners: defaultIdleListeners,
      },
    });
  }

  #onState(state: MountState): void {
    const channel = this.#channels.get(state.path);
    if (!channel) return;
    const isOver = state.status === 'ended';
    // What a source sends whose pod could not read what was on air before is known with its first bytes.
    const isKnown = state.status === 'live' && !state.codecPending;
    if (!isOver && (!isKnown || sameForListeners(channel.codec, state.codec))) return;
    // Players cannot follow from one codec to another: they are told the end and come back.
    channel.wheel.closeAll('mount-ended');
    this.#drop(channel);
  }

  #tick(): void {
    let listeners = 0;
    let periodMs = Number.POSITIVE_INFINITY;
    for (const { wheel } of this.#channels.values()) listeners += wheel.listenerCount;
    for (const { wheel } of this.#channels.values()) {
      wheel.tick(listeners);
      if (wheel.listenerCount > 0) periodMs = Math.min(periodMs, wheel.periodMs);
    }
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#idleCheckedMs >= idleTickMs) this.#dropIdle(nowMs);
    const tickMs = Math.min(maxTickMs, Math.max(minTickMs, periodMs / ticksPerPeriod));
    this.#tickAfter(listeners > 0 ? tickMs : idleTickMs);
  }

  #tickAfter(tickMs: number): void {
    this.#tickMs = tickMs;
    this.#ticker = this.#clock.after(tickMs, () => this.#tick());
  }

  #dropIdle(nowMs: number): void {
    this.#idleCheckedMs = nowMs;
    for (const channel of this.#channels.values()) {
      if (channel.wheel.listenerCount > 0) channel.idleSinceMs = 0;
      else if (channel.idleSinceMs === 0) channel.idleSinceMs = nowMs;
      else if (nowMs - channel.idleSinceMs >= lingerAfterLastMs) this.#drop(channel);
    }
  }

  #drop(channel: MountChannel): void {
    this.#channels.delete(channel.path);
    channel.close();
    for (const stats of [channel.wheel.stats, channel.stats]) {
      for (const [name, value] of Object.entries(stats)) {
        this.closedTotals[name as keyof typeof this.closedTotals] += value;
      }
    }
  }
}

/** Ogg is `ogg` until its first page tells more; that is no change of codec. */
function sameForListeners(before: string, now: string): boolean {
  return before === now || (now === 'ogg' && before.startsWith('ogg'));
}
