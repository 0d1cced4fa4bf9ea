/**
 * Answers of HLS on a raw connection that stays open: the head that goes with a body is made
 * once for as long as the body is the same, but for the date.
 */
import type { Socket } from 'node:net';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import { httpDate } from '@legacystream/runtime/http/http-date.ts';
import { reasonOf } from '@legacystream/runtime/http/raw-response.ts';

export const hlsCors = [
  'Access-Control-Allow-Origin: *',
  'Access-Control-Expose-Headers: Content-Length, Content-Range, Date, ETag, Age',
  'Cross-Origin-Resource-Policy: cross-origin',
  'Timing-Allow-Origin: *',
].join('\r\n');

const okLine = 'HTTP/1.1 200 OK';
/** Where the date stands in the head of an answer that is kept. */
const dateAt = okLine.length + '\r\nDate: '.length;
const headRoomBytes = 1_024;
/** Bodies with room before them. A piece of one has none of its own: the room is for the head of the whole. */
const roomy = new WeakSet<Uint8Array>();

export class HlsAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly etag: string | undefined;
  /** Header lines beyond those that every answer has. */
  readonly fields: readonly string[];
  readonly #lines: string;
  #wire: Buffer | undefined;
  #wireDate = '';

  constructor(status: number, server: string, fields: readonly string[], body: Uint8Array, etag?: string) {
    this.status = status;
    this.body = body;
    this.etag = etag;
    this.fields = fields;
    const own = etag === undefined ? fields : [...fields, `ETag: ${etag}`];
    const length = status === 304 ? [] : [`Content-Length: ${body.byteLength}`];
    this.#lines = [`Server: ${server}`, ...own, ...length, 'X-Content-Type-Options: nosniff', hlsCors].join(
      '\r\n',
    );
  }

  /** The answer to who has this very body already; undefined for everybody else. */
  isFresh(head: RequestHead): boolean {
    const known = this.etag && head.headers.get('if-none-match');
    return Boolean(known && (known === '*' || known.includes(this.etag!)));
  }

  /**
   * Head and body in one piece, for a connection that stays open. It is made once; later only
   * its date is written over, which is as long in every second. (Bytes of it that a slow
   * client still has to be sent may get the newer date: it is as true.)
   */
  wire(nowMs: number): Uint8Array {
    const date = httpDate(nowMs);
    if (this.#wire) {
      if (this.#wireDate !== date) this.#wire.write(date, dateAt, 'latin1');
    } else {
      this.#wire = placeBefore(this.body, this.#encode(date, 'keep-alive'));
    }
    this.#wireDate = date;
    return this.#wire;
  }

  /**
   * @param closes whether the connection ends with it
   * @returns bytes written
   */
  write(socket: Socket, nowMs: number, withBody: boolean, closes: boolean): number {
    if (this.status === 200 && withBody && !closes) {
      const wire = this.wire(nowMs);
      socket.write(wire);
      return wire.byteLength;
    }
    const head = this.#encode(httpDate(nowMs), closes ? 'close' : 'keep-alive');
    if (!withBody || this.body.byteLength === 0) {
      socket.write(head);
      return head.byteLength;
    }
    socket.cork();
    socket.write(head);
    socket.write(this.body);
    socket.uncork();
    return head.byteLength + this.body.byteLength;
  }

  #encode(date: string, connection: string): Buffer {
    const line = `HTTP/1.1 ${this.status} ${reasonOf(this.status)}`;
    return Buffer.from(
      `${line}\r\nDate: ${date}\r\nConnection: ${connection}\r\n${this.#lines}\r\n\r\n`,
      'latin1',
    );
  }
}

/**
 * Room for `bytes` of a body that is kept, and before it for the head that it is sent with, so
 * that both can go in one write without the body being there twice.
 */
export function allocateBody(bytes: number): Buffer {
  const room = Buffer.allocUnsafeSlow(headRoomBytes + bytes);
  const body = room.subarray(headRoomBytes);
  roomy.add(body);
  return body;
}

function placeBefore(body: Uint8Array, head: Buffer): Buffer {
  if (head.byteLength > headRoomBytes || !roomy.has(body)) return Buffer.concat([head, body]);
  const { buffer, byteLength } = body;
  const from = headRoomBytes - head.byteLength;
  const wire = Buffer.from(buffer, from, head.byteLength + byteLength);
  head.copy(wire);
  return wire;
}

/** One range of a body (RFC 9110 §14.2); `none` where there is nothing to cut, undefined where it lies outside. */
export function rangeOf(
  value: string | undefined,
  length: number,
): { from: number; to: number } | 'none' | undefined {
  const match = value === undefined ? undefined : /^bytes=(\d{0,16})-(\d{0,16})$/.exec(value.trim());
  // Several ranges, and other units, may be ignored.
  if (!match || (match[1] === '' && match[2] === '')) return 'none';
  if (match[1] === '') {
    const suffix = Math.min(Number(match[2]), length);
    return suffix === 0 ? undefined : { from: length - suffix, to: length };
  }
  const from = Number(match[1]);
  const to = match[2] === '' ? length : Math.min(Number(match[2]) + 1, length);
  return from < length && to > from ? { from, to } : undefined;
}
