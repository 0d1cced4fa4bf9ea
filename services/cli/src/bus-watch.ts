/**
 * Whether this server has been on the bus, and for how long it has not: a server that was
 * once there stays ready, since what it serves goes on, but newcomers are better off elsewhere.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';

const lookEveryMs = 500;
/** The change to another NATS server takes less. */
const cutOffAfterMs = 10_000;

export class BusWatch {
  readonly #bus: Pick<Bus, 'connected'>;
  readonly #clock: Clock;
  readonly #timer: Timer;
  #seenMs = Number.NEGATIVE_INFINITY;

  constructor(bus: Pick<Bus, 'connected'>, clock: Clock) {
    this.#bus = bus;
    this.#clock = clock;
    this.#look();
    this.#timer = clock.every(lookEveryMs, () => this.#look());
  }

  get hasBeen(): boolean {
    this.#look();
    return this.#seenMs > Number.NEGATIVE_INFINITY;
  }

  get isCutOff(): boolean {
    this.#look();
    return this.#clock.monotonicMs() - this.#seenMs > cutOffAfterMs;
  }

  close(): void {
    this.#timer.cancel();
  }

  #look(): void {
    if (this.#bus.connected) this.#seenMs = this.#clock.monotonicMs();
  }
}
