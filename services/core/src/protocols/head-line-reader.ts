/**
 * Cuts the head of a request or of a SHOUTcast v1 source into lines, however the bytes
 * arrive: the part that every head has in common.
 *
 * Line ends are `\n`, `\r\n` or `\r\r\n`, mixed at will (protocols §1.1). The head is
 * bounded in bytes and in lines, only the line in progress is kept, and every byte is
 * looked at once. What went wrong once stays wrong: a later push throws the same error.
 */
import type { LegacyStreamError } from '../errors.ts';
import { latin1Of } from '../titles/utf8.ts';

const lf = 0x0a;
const cr = 0x0d;

export type LineLimits = {
  /** Bytes from the first of the head to the end of its last line. */
  readonly maxBytes: number;
  /** Lines, the empty one at the end not counted. */
  readonly maxLines: number;
};

export class HeadLineReader {
  readonly #limits: LineLimits;
  readonly #tooLarge: () => LegacyStreamError;
  #partial: Buffer = Buffer.alloc(0);
  #partialLength = 0;
  #bytes = 0;
  #lines = 0;
  #ended = false;
  #failure: unknown;

  /** @param tooLarge makes the error for a head above a limit */
  constructor(limits: LineLimits, tooLarge: () => LegacyStreamError) {
    this.#limits = limits;
    this.#tooLarge = tooLarge;
  }

  /**
   * Gives each complete line, as Latin-1 characters without its end, to `onLine`, until
   * that says that the head has ended; then returns what follows it, else undefined.
   */
  push(chunk: Uint8Array, onLine: (line: string) => 'more' | 'end'): Uint8Array | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) return chunk;
    try {
      return this.#read(chunk, onLine);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #read(chunk: Uint8Array, onLine: (line: string) => 'more' | 'end'): Uint8Array | undefined {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(lf, start);
      const next = end < 0 ? chunk.length : end + 1;
      this.#bytes += next - start;
      if (this.#bytes > this.#limits.maxBytes) throw this.#tooLarge();
      if (end < 0) {
        this.#keep(chunk.subarray(start));
        return undefined;
      }
      const line = this.#take(chunk.subarray(start, end));
      if (line !== '' && ++this.#lines > this.#limits.maxLines) throw this.#tooLarge();
      if (onLine(line) === 'end') {
        this.#ended = true;
        return chunk.subarray(next);
      }
      start = next;
    }
  }

  #keep(bytes: Uint8Array): void {
    const length = this.#partialLength + bytes.length;
    if (length > this.#partial.length) {
      const grown = Buffer.alloc(Math.max(256, length * 2));
      grown.set(this.#partial.subarray(0, this.#partialLength));
      this.#partial = grown;
    }
    this.#partial.set(bytes, this.#partialLength);
    this.#partialLength = length;
  }

  #take(bytes: Uint8Array): string {
    let line = bytes;
    if (this.#partialLength > 0) {
      this.#keep(bytes);
      line = this.#partial.subarray(0, this.#partialLength);
      this.#partialLength = 0;
    }
    let end = line.length;
    for (let ends = 0; ends < 2 && line[end - 1] === cr; ends++) end--;
    return latin1Of(line.subarray(0, end));
  }
}
