/**
 * The listeners of a wheel in the order of their latest turn: whoever was served longest
 * ago is first, and goes to the end when served. A ring of seats, so that a turn moves
 * nothing and allocates nothing; who leaves empties his seat at once, and nobody else's
 * turn changes by that.
 */
import type { Listener } from './listener.ts';

const minSeats = 64;

export class ServingQueue {
  #seats: (Listener | undefined)[] = new Array(minSeats).fill(undefined);
  #front = 0;
  /** Seats from the front on that are or were taken. */
  #used = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Who was served longest ago. */
  get first(): Listener | undefined {
    while (this.#used > 0) {
      const listener = this.#seats[this.#front];
      if (listener) return listener;
      this.#front = (this.#front + 1) & (this.#seats.length - 1);
      this.#used -= 1;
    }
    return undefined;
  }

  add(listener: Listener): void {
    if (this.#used === this.#seats.length) this.#resize();
    this.#place(listener);
    this.#size += 1;
  }

  /** @returns false when it is not in this queue */
  remove(listener: Listener): boolean {
    if (listener.seat < 0 || this.#seats[listener.seat] !== listener) return false;
    this.#seats[listener.seat] = undefined;
    listener.seat = -1;
    this.#size -= 1;
    return true;
  }

  /** Puts {@link first} to the end. */
  rotate(): void {
    const listener = this.first;
    if (!listener) return;
    this.#seats[this.#front] = undefined;
    this.#front = (this.#front + 1) & (this.#seats.length - 1);
    this.#used -= 1;
    this.#place(listener);
  }

  /** Gives back memory that a larger audience needed; to be called now and then. */
  shrink(): void {
    if (this.#seats.length > minSeats && this.#size * 8 < this.#seats.length) this.#resize();
  }

  *[Symbol.iterator](): Iterator<Listener> {
    for (const listener of [...this.#seats]) if (listener && listener.seat >= 0) yield listener;
  }

  #place(listener: Listener): void {
    const seat = (this.#front + this.#used) & (this.#seats.length - 1);
    this.#seats[seat] = listener;
    listener.seat = seat;
    this.#used += 1;
  }

  #resize(): void {
    const old = this.#seats;
    const [front, used] = [this.#front, this.#used];
    let length = minSeats;
    while (length < this.#size * 2) length *= 2;
    this.#seats = new Array(length).fill(undefined);
    this.#front = 0;
    this.#used = 0;
    for (let i = 0; i < used; i += 1) {
      const listener = old[(front + i) & (old.length - 1)];
      if (listener) this.#place(listener);
    }
  }
}
