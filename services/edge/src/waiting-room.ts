/**
 * Bounds how many requests of this edge may wait at once for a mount to have audio: each
 * holds a socket and a timer, and anybody can ask.
 */
export class WaitingRoom {
  readonly #capacity: number;
  #waiting = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Waits for what `wait` gives; undefined at once when the room is full. */
  async during(wait: () => Promise<boolean>): Promise<boolean | undefined> {
    if (this.#waiting >= this.#capacity) return undefined;
    this.#waiting += 1;
    try {
      return await wait();
    } finally {
      this.#waiting -= 1;
    }
  }
}
