/**
 * Reads requests whose head says the same as the one before on their connection, but for the
 * first line: what a player sends again and again is parsed once. Nothing is taken for granted
 * that the full parser has not accepted, byte for byte.
 */
import {
  type HeadLimits,
  parseRequestLine,
  type RequestHead,
} from '@legacystream/core/protocols/request-head.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
/** Longer heads are not worth keeping for each connection. */
const maxKeptBytes = 2_048;

const knownLines = new Map<string, RequestLine>();
const maxKnownLines = 1_000;
const maxKnownLine = 512;

type RequestLine = Omit<RequestHead, 'headers'>;
export type RepeatedRequest = { readonly head: RequestHead; readonly headBytes: number };

export class RepeatedHead {
  readonly #limits: HeadLimits;
  /** Everything after the first line, the empty line included. */
  #block: Buffer | undefined;
  #headers: RequestHead['headers'] | undefined;
  /** The latest request. */
  #line = '';
  #head: RequestHead | undefined;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** @param bytes the whole head, as it came */
  remember(bytes: Uint8Array, { headers }: RequestHead): void {
    const lineEnd = bytes.indexOf(lineFeed);
    this.#block =
      bytes.byteLength <= maxKeptBytes && lineEnd > 0 ? Buffer.from(bytes.subarray(lineEnd + 1)) : undefined;
    this.#headers = headers;
    this.#head = undefined;
  }

  /**
   * Undefined where it is not such a request, or not all of it yet.
   * @throws LegacyStreamError as the full parser does for the first line
   */
  read(data: Uint8Array): RepeatedRequest | undefined {
    const block = this.#block;
    if (!block || !this.#headers) return undefined;
    const lineEnd = data.indexOf(lineFeed);
    const headBytes = lineEnd + 1 + block.byteLength;
    if (lineEnd < 1 || data.byteLength < headBytes) return undefined;
    if (block.compare(data, lineEnd + 1, headBytes) !== 0) return undefined;
    const textEnd = data[lineEnd - 1] === carriageReturn ? lineEnd - 1 : lineEnd;
    if (textEnd === 0) return undefined;
    const view = Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, headBytes);
    const line = view.toString('latin1', 0, textEnd);
    if (line !== this.#line || !this.#head) {
      this.#head = { ...this.#parseLine(line), headers: this.#headers };
      this.#line = line;
    }
    return { head: this.#head, headBytes };
  }

  /** The first lines of what is popular are the same on many connections. */
  #parseLine(line: string): RequestLine {
    const known = knownLines.get(line);
    if (known) return known;
    const parsed = parseRequestLine(line, this.#limits);
    // What has a query is one listener's own.
    if (line.length <= maxKnownLine && !line.includes('?')) {
      if (knownLines.size >= maxKnownLines) knownLines.clear();
      knownLines.set(line, parsed);
    }
    return parsed;
  }
}
