/**
 * Buffers made for one state of a channel, by the position at which they begin, so that
 * everyone who is to be written the same is written the very same buffer. Bounded: slow
 * listeners may stand anywhere in the ring.
 */
const maxBuffers = 64;

export class WriteCache {
  readonly #buffers = new Map<number, Uint8Array>();
  /** Most of those who are served together begin at one position. */
  #latestFrom = Number.NaN;
  #latest: Uint8Array | undefined;

  get(from: number): Uint8Array | undefined {
    if (from === this.#latestFrom) return this.#latest;
    const data = this.#buffers.get(from);
    if (data) this.#remember(from, data);
    return data;
  }

  put(from: number, data: Uint8Array): Uint8Array {
    if (this.#buffers.size >= maxBuffers) this.#buffers.clear();
    this.#buffers.set(from, data);
    this.#remember(from, data);
    return data;
  }

  clear(): void {
    this.#buffers.clear();
    this.#latestFrom = Number.NaN;
    this.#latest = undefined;
  }

  #remember(from: number, data: Uint8Array): void {
    this.#latestFrom = from;
    this.#latest = data;
  }
}
