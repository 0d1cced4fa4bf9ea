/**
 * Tells from the first bytes of a connection what it speaks (protocols §3.6, §9).
 *
 * One port takes TLS, the PROXY protocol, Ultravox 2.1, HTTP with its Icecast variants,
 * and SHOUTcast v1, whose first line is nothing but a password of any printable
 * characters. A line is therefore HTTP only if it ends in a protocol, or begins with a
 * known method and a target; what else is a whole line of text is a password, the
 * `!POKE` of libshout included. A decision needs a bounded number of bytes
 * ({@link maxDialectBytes}) and never changes when more bytes come.
 */
import { latin1Of } from '../titles/utf8.ts';
import { findLine, firstLineStart, maxFirstLineSpanBytes } from './first-line.ts';

export const dialects = [
  'tls',
  'proxy-v1',
  'proxy-v2',
  'ultravox',
  'http',
  'shoutcast-v1',
  'garbage',
] as const;
export type Dialect = (typeof dialects)[number];

/** Given this many bytes, {@link detectDialect} always decides. */
export const maxDialectBytes = maxFirstLineSpanBytes;

const proxyV2Signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** With fewer bytes a binary opening may still be possible, and then nothing was looked at as text. */
const longestSignature = 13;
const proxyV1Starts = ['PROXY TCP4 ', 'PROXY TCP6 ', 'PROXY UNKNOWN'].map((start) => Buffer.from(start));

/** A request line that is certain before it ends. No server takes a password of this form. */
const requestStart =
  /^(?:GET|HEAD|POST|PUT|SOURCE|STATS|OPTIONS|DELETE|PATCH|TRACE|PROPFIND) {1,4}(?:\/|\* |https?:\/\/)/;
const longestRequestStart = 24;

const requestEnd = / (?:HTTP|ICE)\/\d[\d.]{0,3} {0,4}$/i;
const longestRequestEnd = 16;

/**
 * What the connection speaks, or `need-more`: a password without its line end is still
 * waited for, as it may become a request.
 * @param examined number of bytes that an earlier call with the same beginning has seen,
 *   so that a connection fed byte by byte costs no more than one fed at once
 */
export function detectDialect(bytes: Uint8Array, examined = 0): Dialect | 'need-more' {
  return detectBinary(bytes) ?? detectText(bytes, examined);
}

function detectBinary(bytes: Uint8Array): Dialect | 'need-more' | undefined {
  const [first, second, third] = bytes;
  if (first === undefined) return 'need-more';
  if (first === 0x16) {
    if (second === undefined) return 'need-more';
    return second === 0x03 ? 'tls' : 'garbage';
  }
  // An LF or CR after a `Z` ends a password of one letter; no Ultravox flags look like that in practice.
  if (first === 0x5a && (second === undefined || (second < 0x10 && second !== 0x0a && second !== 0x0d))) {
    if (second === undefined || third === undefined) return 'need-more';
    // A broadcaster's message has class 1; a tab may also stand in a password.
    if (third >> 4 === 1) return 'ultravox';
    if (second !== 0x09) return 'garbage';
  }
  switch (compareStart(bytes, proxyV2Signature)) {
    case 'equal':
      return 'proxy-v2';
    case 'so-far':
      return 'need-more';
    default:
  }
  let mayBeProxy = false;
  for (const start of proxyV1Starts) {
    const match = compareStart(bytes, start);
    if (match === 'equal') return 'proxy-v1';
    mayBeProxy ||= match === 'so-far';
  }
  return mayBeProxy ? 'need-more' : undefined;
}

function detectText(bytes: Uint8Array, examined: number): Dialect | 'need-more' {
  const start = firstLineStart(bytes);
  if (start === undefined) return 'need-more';
  if (requestStart.test(latin1Of(bytes.subarray(start, start + longestRequestStart)))) return 'http';
  const line = findLine(bytes, start, examined >= longestSignature ? examined : 0);
  if (typeof line === 'string') return line;
  const end = latin1Of(bytes.subarray(Math.max(line.start, line.end - longestRequestEnd), line.end));
  return requestEnd.test(end) ? 'http' : 'shoutcast-v1';
}

/** Whether the bytes begin with `start`, or are as yet a beginning of it. */
function compareStart(bytes: Uint8Array, start: Uint8Array): 'equal' | 'so-far' | 'different' {
  const length = Math.min(bytes.length, start.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== start[i]) return 'different';
  return length === start.length ? 'equal' : 'so-far';
}
