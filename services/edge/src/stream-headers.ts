/**
 * The response heads of streams (protocols §4.2–§4.5): close-delimited, never chunked,
 * never partial, readable by players of every age and by scripts of any origin.
 */
import { echoHeaders } from '@legacystream/core/icy/echo-headers.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import { httpDate } from '@legacystream/runtime/http/http-date.ts';
import { reasonOf } from '@legacystream/runtime/http/raw-response.ts';

export const corsHeaders = [
  'Access-Control-Allow-Origin: *',
  'Access-Control-Allow-Headers: Origin, Accept, Range, If-Range, Icy-MetaData, Authorization, Content-Type, X-Requested-With',
  'Access-Control-Expose-Headers: icy-metaint, icy-br, icy-name, icy-genre, icy-url, icy-description, icy-pub, ice-audio-info, Content-Range, Content-Length, X-LegacyStream-Position, X-LegacyStream-Lead, X-LegacyStream-Resumed',
  'Access-Control-Allow-Methods: GET, HEAD, OPTIONS',
  'Cross-Origin-Resource-Policy: cross-origin',
  'Timing-Allow-Origin: *',
].join('\r\n');

const noCache = [
  'Cache-Control: no-cache, no-store',
  'Expires: Mon, 26 Jul 1997 05:00:00 GMT',
  'Pragma: no-cache',
].join('\r\n');

export type HttpVersion = 'HTTP/1.0' | 'HTTP/1.1';

/** Where a stream begins, for clients that resume (decision 8). */
export type StreamStart = {
  /** Of the first byte after the lead, as `<epoch>.<seq>.<byte>`. */
  readonly position: string;
  /** Bytes of the body before that, metadata blocks not counted: codec headers, or zeroes up to the ICY grid. */
  readonly leadBytes: number;
  /** Whether it is the byte that was asked for; absent where none was. */
  readonly resumed: 'exact' | 'live' | undefined;
};

/**
 * @param metaint undefined for a listener without ICY metadata
 * @param start undefined where there is no body
 */
export function streamHead(
  state: MountState,
  server: string,
  version: HttpVersion,
  nowMs: number,
  metaint: number | undefined,
  start?: StreamStart,
): string {
  const lines = [
    `${version} 200 OK`,
    `Server: ${server}`,
    'Connection: close',
    `Date: ${httpDate(nowMs)}`,
    `Content-Type: ${headerText(state.contentType)}`,
    noCache,
    'Accept-Ranges: none',
    'X-Accel-Buffering: no',
    'X-Content-Type-Options: nosniff',
    corsHeaders,
  ];
  for (const [name, value] of echoHeaders(state.info)) lines.push(`${name}:${headerText(value)}`);
  if (metaint !== undefined) lines.push(`icy-metaint:${metaint}`);
  if (start) {
    lines.push(`X-LegacyStream-Position: ${start.position}`, `X-LegacyStream-Lead: ${start.leadBytes}`);
    if (start.resumed) lines.push(`X-LegacyStream-Resumed: ${start.resumed}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** The answer to a preflight request, and to whoever asks what a stream can do. */
export function streamOptions(server: string, nowMs: number): string {
  return [
    'HTTP/1.1 204 No Content',
    `Server: ${server}`,
    `Date: ${httpDate(nowMs)}`,
    'Allow: GET, HEAD, OPTIONS, PUT, SOURCE',
    'Accept-Encoding: identity, chunked',
    corsHeaders,
    'Access-Control-Max-Age: 300',
    'Content-Length: 0',
    'Connection: Keep-Alive',
    '',
    '',
  ].join('\r\n');
}

/** An error answer; players and scripts of any origin may read it. */
export function streamRefusal(
  status: number,
  body: Uint8Array | string,
  contentType: string,
  server: string,
  nowMs: number,
  extra: readonly string[] = [],
): string {
  const bytes = typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
  return [
    `HTTP/1.1 ${status} ${reasonOf(status)}`,
    `Server: ${server}`,
    'Connection: close',
    `Date: ${httpDate(nowMs)}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${Buffer.byteLength(bytes)}`,
    'Cache-Control: no-cache, no-store',
    'X-Content-Type-Options: nosniff',
    corsHeaders,
    ...extra,
    '',
    bytes,
  ].join('\r\n');
}

/** UTF-8 as the Latin-1 characters that a head is written in; nothing that could begin another header. */
function headerText(text: string): string {
  return Buffer.from(text.replace(/[\u0000-\u001f\u007f]/g, ' '), 'utf8').toString('latin1');
}
