/**
 * The first line of a connection that speaks text: where it begins and ends.
 *
 * Line ends are `\n`, `\r\n` or `\r\r\n`. Up to four empty lines before it are passed
 * over, as some encoders leave one behind. The answer for a beginning of the bytes never
 * changes when more of them come, except from `need-more`, and a decision takes at most
 * {@link maxFirstLineSpanBytes}.
 */
import { latin1Of } from '../titles/utf8.ts';

export const maxFirstLineBytes = 8 * 1024;
export const maxLeadingLineEnds = 4;
const maxLineEndBytes = 3;
/** With this many bytes the first line has been found or given up. */
export const maxFirstLineSpanBytes = maxFirstLineBytes + (maxLeadingLineEnds + 1) * maxLineEndBytes;

const tab = 0x09;
const lf = 0x0a;
const cr = 0x0d;
const del = 0x7f;

/** Offsets of the line without its end, and of what follows it. */
export type LineSpan = { readonly start: number; readonly end: number; readonly next: number };

/** Where the first line begins: after the empty lines. Undefined if that cannot be told yet. */
export function firstLineStart(bytes: Uint8Array): number | undefined {
  let at = 0;
  for (let count = 0; count < maxLeadingLineEnds; count++) {
    const length = lineEndLength(bytes, at);
    if (length === undefined) return undefined;
    if (length === 0) break;
    at += length;
  }
  return at < bytes.length ? at : undefined;
}

/**
 * Looks for the end of the line that begins at `start`. `garbage` means a control
 * character other than a tab, an empty line too many, or a line above the limit.
 * @param examined number of bytes that an earlier call with the same beginning has seen
 */
export function findLine(bytes: Uint8Array, start: number, examined = 0): LineSpan | 'need-more' | 'garbage' {
  // A line end that was cut short is looked at again from its first byte.
  for (let at = Math.max(start, examined - maxLineEndBytes); at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === lf || byte === cr) {
      const length = lineEndLength(bytes, at);
      if (length === undefined) return 'need-more';
      if (length === 0 || at === start) return 'garbage';
      return { start, end: at, next: at + length };
    }
    if ((byte < 0x20 && byte !== tab) || byte === del) return 'garbage';
    if (at - start >= maxFirstLineBytes) return 'garbage';
  }
  return 'need-more';
}

/** Cuts the first line off, as Latin-1 characters; undefined while it is not complete, or if it is garbage. */
export function takeFirstLine(bytes: Uint8Array): { line: string; rest: Uint8Array } | undefined {
  const start = firstLineStart(bytes);
  const span = start === undefined ? 'need-more' : findLine(bytes, start);
  if (typeof span === 'string') return undefined;
  return { line: latin1Of(bytes.subarray(span.start, span.end)), rest: bytes.subarray(span.next) };
}

/** Bytes of the line end that stands here; 0 if none does, undefined if more bytes must tell. */
function lineEndLength(bytes: Uint8Array, at: number): number | undefined {
  let length = 0;
  while (length < maxLineEndBytes - 1 && bytes[at + length] === cr) length++;
  if (bytes[at + length] === lf) return length + 1;
  if (length > 0 && at + length >= bytes.length) return undefined;
  return 0;
}
