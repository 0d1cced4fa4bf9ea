/**
 * The bytes a splitter has been given and not yet used up.
 *
 * A sliding buffer: input is appended at one end and taken or dropped at the other.
 * What is taken is copied, so neither the caller's chunk nor this buffer is shared
 * with an event. Every byte is moved a bounded number of times however small the
 * chunks are, and a buffer that had to grow is given back once it is empty. The
 * splitter bounds the length: it never waits for more than its largest unit.
 */

/** Splitters append larger chunks in steps of this size, so that memory follows the unit, not the chunk. */
export const inputStepBytes = 65_536;

const initialBytes = 8_192;
const keptBytes = 262_144;

export class InputWindow {
  /** The buffer; only the bytes from `start` up to `end` mean anything, and only until the next append. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;

  get length(): number {
    return this.end - this.start;
  }

  append(chunk: Uint8Array): void {
    if (this.end + chunk.length > this.bytes.length) this.#makeRoom(chunk.length);
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Copies the first `count` bytes out and drops them. */
  take(count: number): Uint8Array {
    const taken = this.bytes.slice(this.start, this.start + count);
    this.drop(count);
    return taken;
  }

  drop(count: number): void {
    this.start += count;
    if (this.start < this.end) return;
    this.start = 0;
    this.end = 0;
    if (this.bytes.length > keptBytes) this.bytes = new Uint8Array(0);
  }

  #makeRoom(count: number): void {
    const length = this.length;
    const needed = length + count;
    // Moving within the buffer is only cheap in the long run while at least half of it is free.
    if (needed * 2 > this.bytes.length) {
      const grown = new Uint8Array(Math.max(initialBytes, needed * 2));
      grown.set(this.bytes.subarray(this.start, this.end));
      this.bytes = grown;
    } else {
      this.bytes.copyWithin(0, this.start, this.end);
    }
    this.start = 0;
    this.end = length;
  }
}
