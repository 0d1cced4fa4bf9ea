/**
 * The part of a byte stream that a splitter still has to look at, in one piece.
 *
 * Input is copied once into slabs of 32 KiB, and what a splitter takes out is a view
 * of them: memory that was handed out is never written again. Only the bytes that
 * are left when a slab is full (less than one frame, in a stream that is in sync)
 * move to the next one. A splitter must be able to decide with at most
 * {@link maxLookaheadBytes} before it, so there is always room for more.
 */

const slabBytes = 32 * 1024;

/** A window that holds this much always leads to a decision. */
export const maxLookaheadBytes = slabBytes / 2 + 1024;

export class ByteWindow {
  #slab = newSlab();
  #start = 0;
  #end = 0;
  /** A view of the present slab is in other hands. */
  #isLent = false;

  /** What `start` and `end` point into; replaced by `append`. */
  get bytes(): Uint8Array {
    return this.#slab;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies what fits of `chunk` from `from` on; says how many bytes, at least one if there is any. */
  append(chunk: Uint8Array, from: number): number {
    if (this.#end === slabBytes) this.#turnOver();
    const count = Math.min(chunk.length - from, slabBytes - this.#end);
    this.#slab.set(count === chunk.length ? chunk : chunk.subarray(from, from + count), this.#end);
    this.#end += count;
    return count;
  }

  /** Drops the first `count` bytes. */
  consume(count: number): void {
    this.#start += count;
  }

  /** Takes the first `count` bytes out, as a view that stays as it is. */
  take(count: number): Uint8Array {
    const view = new Uint8Array(this.#slab.buffer, this.#slab.byteOffset + this.#start, count);
    this.#start += count;
    this.#isLent = true;
    return view;
  }

  #turnOver(): void {
    const length = this.length;
    if (this.#isLent) {
      const rest = this.#slab.subarray(this.#start, this.#end);
      this.#slab = newSlab();
      this.#slab.set(rest);
      this.#isLent = false;
    } else {
      this.#slab.copyWithin(0, this.#start, this.#end);
    }
    this.#start = 0;
    this.#end = length;
  }
}

/** Not from the shared pool, and not zeroed: nothing is read before it is written. */
function newSlab(): Uint8Array<ArrayBuffer> {
  const slab = Buffer.allocUnsafeSlow(slabBytes);
  return new Uint8Array(slab.buffer, slab.byteOffset, slabBytes);
}
