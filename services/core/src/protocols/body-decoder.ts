/**
 * The bodies of source connections, freed of their framing (protocols §1.3): chunked,
 * of a known length, or running until the connection closes, which is what most encoders
 * do whatever HTTP says.
 *
 * Decoders hand on parts of what they are given without copying, and stop exactly at the
 * end of the body: what follows it in the same push is `rest`. Any split of the input
 * gives the same bytes.
 */
import { LegacyStreamError } from '../errors.ts';
import { ChunkedDecoder } from './chunked-decoder.ts';
import type { RequestHead } from './request-head.ts';
import { isSourceRequest } from './source-request.ts';

export interface BodyDecoder {
  /**
   * The parts of the body among these bytes, in order. Once done, always none.
   * @throws LegacyStreamError LS_BODY_MALFORMED
   */
  push(bytes: Uint8Array): Uint8Array[];
  readonly done: boolean;
  /** What came after the end of the body, in the push that reached it; empty before. */
  readonly rest: Uint8Array;
}

export type BodyFraming = 'chunked' | 'endless' | { readonly length: number };

const none = new Uint8Array(0);

/**
 * Chunked if the request says so; else its Content-Length unless that is zero; else, of a
 * source, everything until it closes. A request of another kind without a length has no body.
 * @throws LegacyStreamError LS_TRANSFER_CODING, LS_HEAD_MALFORMED
 */
export function bodyFramingOf(head: RequestHead): BodyFraming {
  const coding = head.headers.get('transfer-encoding')?.toLowerCase() ?? 'identity';
  if (coding === 'chunked') return 'chunked';
  if (coding !== 'identity') {
    throw new LegacyStreamError(
      'LS_TRANSFER_CODING',
      'transfer codings other than chunked are not supported',
    );
  }
  const text = head.headers.get('content-length') ?? '0';
  if (!/^\d{1,15}$/.test(text)) {
    throw new LegacyStreamError('LS_HEAD_MALFORMED', 'content-length is not a number');
  }
  const length = Number(text);
  return length === 0 && isSourceRequest(head) ? 'endless' : { length };
}

/** Whether something follows the head that is no request of its own, wanted or not. */
export function hasBody(headers: ReadonlyMap<string, string>): boolean {
  return headers.has('transfer-encoding') || !/^0*$/.test(headers.get('content-length') ?? '');
}

export function createBodyDecoder(framing: BodyFraming): BodyDecoder {
  if (framing === 'chunked') return new ChunkedDecoder();
  if (framing === 'endless') return new EndlessDecoder();
  return new LengthDecoder(framing.length);
}

export class LengthDecoder implements BodyDecoder {
  #remaining: number;
  #rest: Uint8Array = none;

  constructor(length: number) {
    this.#remaining = length;
  }

  get done(): boolean {
    return this.#remaining === 0;
  }

  get rest(): Uint8Array {
    return this.#rest;
  }

  push(bytes: Uint8Array): Uint8Array[] {
    if (this.done || bytes.length === 0) return [];
    const part = bytes.subarray(0, this.#remaining);
    this.#remaining -= part.length;
    if (this.done) this.#rest = bytes.subarray(part.length);
    return [part];
  }
}

export class EndlessDecoder implements BodyDecoder {
  readonly done = false;
  readonly rest = none;

  push(bytes: Uint8Array): Uint8Array[] {
    return bytes.length === 0 ? [] : [bytes];
  }
}
