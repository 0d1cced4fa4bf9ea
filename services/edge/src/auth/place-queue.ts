/** Lets so many in at once; others wait in order, as many as there is room for and as long as they want. */
import type { Clock } from '@legacystream/core/clock.ts';

export class PlaceQueue {
  readonly #clock: Clock;
  readonly #places: number;
  readonly #room: number;
  readonly #waiting = new Set<(hasPlace: boolean) => void>();
  #taken = 0;

  constructor(clock: Clock, places: number, room: number) {
    this.#clock = clock;
    this.#places = places;
    this.#room = room;
  }

  get isIdle(): boolean {
    return this.#taken === 0;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** True with a place, to be given back by {@link leave}; false when there was none in time. */
  enter(withinMs: number): Promise<boolean> {
    if (this.#taken < this.#places) {
      this.#taken += 1;
      return Promise.resolve(true);
    }
    if (this.#waiting.size >= this.#room || withinMs <= 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (hasPlace: boolean) => {
        timer.cancel();
        this.#waiting.delete(settle);
        resolve(hasPlace);
      };
      const timer = this.#clock.after(withinMs, () => settle(false));
      this.#waiting.add(settle);
    });
  }

  leave(): void {
    for (const next of this.#waiting) return next(true);
    this.#taken -= 1;
  }
}
