/**
 * Sends the listeners of this edge away, a few at a time, so that they do not arrive
 * elsewhere in one wave (design §2.7): for a while nothing but the word that newcomers
 * should go elsewhere, then evenly over a time, whoever it hits, each after its last whole
 * frame. Players come back by themselves, and the load balancer gives them to another edge.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { SocketListener } from './socket-listener.ts';

export type DrainTimes = { readonly delayMs: number; readonly overMs: number };

/** Those who are to be sent away: listeners of HLS go elsewhere by themselves with their next connection. */
export interface DrainedListeners {
  readonly socketCount: number;
  sockets(): Iterable<SocketListener>;
}

const stepMs = 250;

export class ListenerDrain {
  readonly #listeners: DrainedListeners;
  readonly #clock: Clock;
  readonly #times: DrainTimes;
  readonly #random: () => number;
  #timer: Timer | undefined;
  #done: PromiseWithResolvers<void> | undefined;
  #startedMs = 0;
  #owed = 0;

  /** @param random in [0, 1), as of Math.random */
  constructor(listeners: DrainedListeners, clock: Clock, times: DrainTimes, random = Math.random) {
    this.#listeners = listeners;
    this.#clock = clock;
    this.#times = times;
    this.#random = random;
  }

  get isDraining(): boolean {
    return this.#done !== undefined;
  }

  /** The longest that {@link start} takes. */
  get boundMs(): number {
    return this.#times.delayMs + this.#times.overMs + stepMs;
  }

  /** Begins, or goes on. Settles when nobody is left after the delay, when the time is over, or when it is cancelled. */
  start(): Promise<void> {
    if (!this.#done) {
      this.#done = Promise.withResolvers();
      this.#startedMs = this.#clock.monotonicMs();
      this.#owed = 0;
      this.#timer = this.#clock.after(this.#times.delayMs, () => this.#step());
    }
    return this.#done.promise;
  }

  /** Everybody who is still here stays. */
  cancel(): void {
    this.#timer?.cancel();
    this.#done?.resolve();
    this.#done = undefined;
  }

  #step(): void {
    const { delayMs, overMs } = this.#times;
    const leftMs = this.#startedMs + delayMs + overMs - this.#clock.monotonicMs();
    // This step and those that are left share the audience evenly, what comes of it in parts included.
    this.#owed += (this.#listeners.socketCount * stepMs) / (Math.max(0, leftMs) + stepMs);
    const due = leftMs <= 0 ? this.#listeners.socketCount : Math.floor(this.#owed);
    this.#owed -= due;
    this.#send(due);
    // Whoever comes now is sent away as well, so the end of the time is the end.
    if (leftMs > 0 && this.#listeners.socketCount > 0) {
      this.#timer = this.#clock.after(Math.min(stepMs, leftMs), () => this.#step());
    } else {
      this.#done?.resolve();
    }
  }

  #send(count: number): void {
    const candidates = [...this.#listeners.sockets()].filter(({ endedBy }) => endedBy === undefined);
    for (let i = 0; i < Math.min(count, candidates.length); i += 1) {
      const j = i + Math.floor(this.#random() * (candidates.length - i));
      const listener = candidates[j]!;
      candidates[j] = candidates[i]!;
      listener.wheel?.leave(listener);
      listener.close('shutdown');
    }
  }
}
