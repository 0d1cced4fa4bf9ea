/**
 * Queries of request targets and urlencoded forms, as title updates send them.
 *
 * Values stay bytes, since only the meaning of a parameter tells its charset: a `song`
 * may be in any, named by another parameter. Old clients leave quotes, apostrophes and
 * 8-bit bytes unencoded; all of that passes, and a `%` that encodes nothing is itself.
 */
import { decodeUtf8, latin1Of } from '../titles/utf8.ts';
import { hexDigit } from './hex-digit.ts';

/** The bytes of a value, percent-decoded. */
export type RawValue = Uint8Array;

export const maxQueryParameters = 64;

const percent = 0x25;
const plus = 0x2b;
const space = 0x20;
const ampersand = 0x26;
const equals = 0x3d;

/**
 * The parameters in order; the first of a repeated name wins, those after the 64th
 * different name are left out. Each splits at its first `=`; nameless ones are skipped.
 * @param query without its `?`: Latin-1 characters as in a request head, or the bytes of a form
 */
export function parseQuery(query: string | Uint8Array): Map<string, RawValue> {
  const bytes = typeof query === 'string' ? bytesOf(query) : query;
  const parameters = new Map<string, RawValue>();
  for (let start = 0; start < bytes.length && parameters.size < maxQueryParameters; ) {
    const found = bytes.indexOf(ampersand, start);
    const end = found < 0 ? bytes.length : found;
    const pair = bytes.subarray(start, end);
    const split = pair.indexOf(equals);
    const name = textOf(percentDecode(split < 0 ? pair : pair.subarray(0, split)));
    if (name !== '' && !parameters.has(name)) {
      parameters.set(name, percentDecode(split < 0 ? pair.subarray(pair.length) : pair.subarray(split + 1)));
    }
    start = end + 1;
  }
  return parameters;
}

/** UTF-8 if the bytes are valid UTF-8, else Latin-1: for names, paths and passwords; titles have a rule of their own. */
export function textOf(value: RawValue): string {
  return decodeUtf8(value) ?? latin1Of(value);
}

/** Decodes `%hh`, and `+` as a space unless told otherwise. Always a copy. */
export function percentDecode(bytes: Uint8Array, plusIsSpace = true): Uint8Array {
  const out = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    const high = byte === percent ? hexDigit(bytes[at + 1]) : -1;
    const low = high < 0 ? -1 : hexDigit(bytes[at + 2]);
    if (low >= 0) {
      out[length++] = high * 16 + low;
      at += 2;
    } else out[length++] = plusIsSpace && byte === plus ? space : byte;
  }
  return out.subarray(0, length);
}

/**
 * A request target as path and query, the query without its `?` and empty if there is
 * none. 8-bit characters of the path are percent-encoded, so that a path sent raw and the
 * same path sent encoded are decoded alike.
 */
export function splitTarget(target: string): { readonly rawPath: string; readonly rawQuery: string } {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  return {
    rawPath: path.replace(/[\x80-\xff]/g, (char) => `%${char.charCodeAt(0).toString(16)}`),
    rawQuery: mark < 0 ? '' : target.slice(mark + 1),
  };
}

/** Text of a request head has only Latin-1 characters; other text, as from a test or a tool, is taken as UTF-8. */
function bytesOf(query: string): Uint8Array {
  const bytes = Buffer.from(query, 'latin1');
  return latin1Of(bytes) === query ? bytes : Buffer.from(query, 'utf8');
}
