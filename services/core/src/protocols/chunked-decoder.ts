/**
 * Decodes the chunked transfer coding (RFC 9112 §7.1) of a source's body.
 *
 * Sizes may be in either case and padded with blanks; lines end in `\r\n` or a bare `\n`.
 * Extensions and trailers are passed over. Everything that is not payload is bounded: a
 * size line by 256 bytes, the trailer section by 4 KiB, a chunk by 2 GiB (it is handed on
 * as it comes, never gathered). Payload is not copied.
 */
import { LegacyStreamError } from '../errors.ts';
import type { BodyDecoder } from './body-decoder.ts';
import { hexDigit } from './hex-digit.ts';

export const maxSizeLineBytes = 256;
export const maxTrailerBytes = 4 * 1024;
const maxChunkBytes = 2 ** 31 - 1;

const tab = 0x09;
const lf = 0x0a;
const cr = 0x0d;
const space = 0x20;
const semicolon = 0x3b;
const none = new Uint8Array(0);

type State =
  | 'size'
  | 'padding'
  | 'extension'
  | 'size-lf'
  | 'data'
  | 'data-end'
  | 'data-lf'
  | 'trailer'
  | 'done';

export class ChunkedDecoder implements BodyDecoder {
  #state: State = 'size';
  /** Of the chunk in progress: its size while that is read, then what is left of it. */
  #size = 0;
  #digits = 0;
  /** Bytes of the size line, or of the trailer section. */
  #overhead = 0;
  #trailerLineBytes = 0;
  #rest: Uint8Array = none;
  #failure: LegacyStreamError | undefined;

  get done(): boolean {
    return this.#state === 'done';
  }

  get rest(): Uint8Array {
    return this.#rest;
  }

  /** Payload that stands before an error in the same push is lost with it. */
  push(bytes: Uint8Array): Uint8Array[] {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.done) return [];
    const parts: Uint8Array[] = [];
    let at = 0;
    while (at < bytes.length && !this.done) {
      if (this.#state === 'data') {
        const part = bytes.subarray(at, at + this.#size);
        parts.push(part);
        at += part.length;
        this.#size -= part.length;
        if (this.#size === 0) this.#state = 'data-end';
      } else this.#step(bytes[at++] ?? 0);
    }
    if (this.done) this.#rest = bytes.subarray(at);
    return parts;
  }

  #step(byte: number): void {
    switch (this.#state) {
      case 'data-end':
        if (byte === cr) this.#state = 'data-lf';
        else if (byte === lf) this.#startSize();
        else this.#fail('a chunk does not end where its size says');
        return;
      case 'data-lf':
        if (byte !== lf) this.#fail('a chunk does not end where its size says');
        this.#startSize();
        return;
      case 'trailer':
        this.#onTrailer(byte);
        return;
      default:
        this.#onSizeLine(byte);
    }
  }

  #onSizeLine(byte: number): void {
    if (++this.#overhead > maxSizeLineBytes) this.#fail('a size line is too long');
    if (this.#state === 'size') {
      const digit = hexDigit(byte);
      if (digit >= 0) {
        this.#digits++;
        this.#size = this.#size * 16 + digit;
        if (this.#size > maxChunkBytes) this.#fail('a chunk is too large');
        return;
      }
      if (this.#digits === 0) this.#fail('a size is not hexadecimal');
    }
    if (byte === lf) this.#endSizeLine();
    else if (this.#state === 'size-lf') this.#fail('a size line has a stray carriage return');
    else if (byte === cr) this.#state = 'size-lf';
    else if (this.#state === 'extension') {
      if (byte < space && byte !== tab) this.#fail('an extension has a control character');
    } else if (byte === semicolon) this.#state = 'extension';
    else if (byte === space || byte === tab) this.#state = 'padding';
    else this.#fail('a size is not hexadecimal');
  }

  #startSize(): void {
    this.#state = 'size';
    this.#size = 0;
    this.#digits = 0;
    this.#overhead = 0;
  }

  #endSizeLine(): void {
    this.#state = this.#size > 0 ? 'data' : 'trailer';
    this.#overhead = 0;
    this.#trailerLineBytes = 0;
  }

  #onTrailer(byte: number): void {
    if (++this.#overhead > maxTrailerBytes) this.#fail('the trailer section is too long');
    if (byte === lf) {
      if (this.#trailerLineBytes === 0) this.#state = 'done';
      this.#trailerLineBytes = 0;
    } else if (byte !== cr) this.#trailerLineBytes++;
  }

  #fail(reason: string): never {
    this.#failure = new LegacyStreamError('LS_BODY_MALFORMED', `chunked body is malformed: ${reason}`);
    throw this.#failure;
  }
}
