/**
 * A connection that has not said yet what it wants: gathers its first bytes, tells the
 * dialect, reads the head and hands the socket over with everything that was read ahead.
 */
import type { Socket } from 'node:net';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { hasBody } from '@legacystream/core/protocols/body-decoder.ts';
import { detectDialect } from '@legacystream/core/protocols/dialect.ts';
import { takeFirstLine } from '@legacystream/core/protocols/first-line.ts';
import { type RequestHead, RequestHeadParser } from '@legacystream/core/protocols/request-head.ts';
import { isSourceRequest } from '@legacystream/core/protocols/source-request.ts';
import { clientAddressOf, forwardingFields } from '../client-address.ts';
import { closeWith } from '../client-connection.ts';
import { type QueuedWriteOwner, writeDirectly } from '../direct-write.ts';
import { encodeRawResponse } from '../http/raw-response.ts';
import type { FrontDoor, Handled } from './front-door.ts';
import { RepeatedHead } from './repeated-head.ts';
import { respellHead } from './respell-head.ts';

/** What libshout and browsers learn of the server as a whole. */
export const optionsAnswer = encodeRawResponse({
  status: 204,
  body: '',
  headers: [
    ['Allow', 'GET, HEAD, POST, PUT, SOURCE, OPTIONS'],
    ['Accept-Encoding', 'identity, chunked'],
  ],
  keepAlive: true,
});

const none = new Uint8Array(0);
/** Longest that a client may take for an answer before its next request is read. */
const drainTimeoutMs = 60_000;

export class PendingConnection implements QueuedWriteOwner {
  readonly #door: FrontDoor;
  readonly #socket: Socket;
  readonly #onData = (data: Uint8Array): void => this.#take(data);
  readonly #onGone = (): void => this.abandon();
  /** Everything read and not yet handed over. */
  #bytes: Uint8Array = none;
  #examined = 0;
  #parser: RequestHeadParser | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Of a connection that stays open. */
  #repeated: RepeatedHead | undefined;
  #ip = '';

  constructor(door: FrontDoor, socket: Socket) {
    this.#door = door;
    this.#socket = socket;
  }

  /**
   * Reads until the connection says what it wants.
   * @param begun what was read of it already
   */
  read(begun: Uint8Array = none): void {
    this.#timer = setTimeout(() => {
      this.#door.stats.timedOut += 1;
      this.abandon();
    }, this.#door.limits.headTimeoutMs);
    this.#timer.unref();
    this.#socket.on('data', this.#onData).once('end', this.#onGone).once('close', this.#onGone);
    this.#socket.resume();
    if (begun.byteLength > 0) this.#take(begun);
  }

  abandon(): void {
    this.#letGo();
    this.#door.settled(this);
    this.#socket.destroy();
  }

  /** What a write that was queued tells: the next request may be read. */
  drained(queuedBytes: number): void {
    if (queuedBytes > 0) return;
    if (this.#socket.destroyed) return this.abandon();
    clearTimeout(this.#timer);
    this.#readNext(this.#bytes);
  }

  #take(data: Uint8Array): void {
    if (this.#repeated && this.#bytes.byteLength === 0) {
      try {
        data = this.#answerRepeated(this.#repeated, data);
      } catch (error) {
        this.#bytes = data;
        return this.#refuse(error);
      }
      if (data.byteLength === 0) return;
    }
    this.#bytes = this.#bytes.byteLength === 0 ? data : Buffer.concat([this.#bytes, data]);
    try {
      if (this.#parser) this.#readHead(this.#parser, data);
      else this.#detect();
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** @returns what is left to be read the ordinary way */
  #answerRepeated(repeated: RepeatedHead, data: Uint8Array): Uint8Array {
    const { routes, stats } = this.#door;
    // What still waits in the stream goes first.
    while (data.byteLength > 0 && this.#socket.writableLength === 0) {
      const request = repeated.read(data);
      if (!request) break;
      const rest = data.subarray(request.headBytes);
      const answer = routes.repeated?.(request.head, { socket: this.#socket, ip: this.#ip, rest });
      if (!answer) break;
      stats.requests += 1;
      data = rest;
      if (writeDirectly(this.#socket, answer, this) === 0) {
        this.#timer?.refresh();
        continue;
      }
      // Nothing more is read before the client has taken what it asked for.
      this.#letGo();
      this.#bytes = Uint8Array.from(rest);
      this.#timer = setTimeout(() => this.abandon(), drainTimeoutMs);
      this.#timer.unref();
      return none;
    }
    return data;
  }

  #detect(): void {
    const dialect = detectDialect(this.#bytes, this.#examined);
    this.#examined = this.#bytes.byteLength;
    switch (dialect) {
      case 'need-more':
        return;
      case 'http': {
        const { headBytes, headLines, targetBytes } = this.#door.limits;
        this.#parser = new RequestHeadParser({
          maxBytes: headBytes,
          maxLines: headLines,
          maxTargetBytes: targetBytes,
        });
        return this.#readHead(this.#parser, this.#bytes);
      }
      case 'shoutcast-v1':
        return this.#handOverShoutcast();
      case 'tls':
        this.#letGo();
        this.#door.settled(this);
        this.#socket.unshift(this.#bytes);
        if (!this.#door.startTls(this.#socket)) this.#socket.destroy();
        return;
      default:
        this.#door.stats.malformed += 1;
        return this.abandon();
    }
  }

  #readHead(parser: RequestHeadParser, data: Uint8Array): void {
    const result = parser.push(data);
    if (!result.done) return;
    this.#letGo();
    void this.#route(result.head, result.rest);
  }

  async #route(head: RequestHead, rest: Uint8Array): Promise<void> {
    const { routes, stats } = this.#door;
    stats.requests += 1;
    const headBytes = this.#bytes.byteLength - rest.byteLength;
    const fields = forwardingFields(this.#socket, this.#bytes.subarray(0, headBytes), head.headers);
    const client = { socket: this.#socket, ip: clientAddressOf(this.#socket, fields).ip, rest };
    let handled: Handled = 'pass';
    try {
      if (isSourceRequest(head)) handled = await routes.source(head, { ...client, received: this.#bytes });
      else if (head.method === 'OPTIONS' && head.target === '*') handled = this.#answerOptions();
      else if (head.method === 'GET' || head.method === 'HEAD' || head.method === 'OPTIONS') {
        handled = await routes.stream(head, client);
      }
    } catch (error) {
      return this.#refuse(error);
    }
    if (handled === 'next' && !this.#socket.destroyed) {
      // A body that nobody asked for must not be read as the next request.
      if (!hasBody(head.headers)) {
        this.#expectRepetition(head, headBytes, client.ip);
        return this.#readNext(rest);
      }
      closeWith(this.#socket, '');
    }
    this.#door.settled(this);
    if (handled !== 'pass') return;
    this.#socket.unshift(respellHead(this.#bytes, headBytes, head));
    routes.http.emit('connection', this.#socket);
    this.#socket.resume();
  }

  #expectRepetition(head: RequestHead, headBytes: number, ip: string): void {
    if (!this.#door.routes.repeated || 'encrypted' in this.#socket) return;
    const { headBytes: maxBytes, headLines: maxLines, targetBytes: maxTargetBytes } = this.#door.limits;
    this.#repeated ??= new RepeatedHead({ maxBytes, maxLines, maxTargetBytes });
    this.#repeated.remember(this.#bytes.subarray(0, headBytes), head);
    this.#ip = ip;
  }

  #readNext(rest: Uint8Array): void {
    this.#bytes = none;
    this.#examined = 0;
    this.#parser = undefined;
    this.read(rest);
  }

  #answerOptions(): Handled {
    this.#socket.write(optionsAnswer);
    return 'next';
  }

  #handOverShoutcast(): void {
    this.#letGo();
    this.#door.settled(this);
    this.#door.stats.requests += 1;
    const first = takeFirstLine(this.#bytes);
    if (!first) return this.abandon();
    const { ip } = clientAddressOf(this.#socket);
    const client = { socket: this.#socket, ip, rest: first.rest, received: this.#bytes };
    this.#door.routes.shoutcast(first.line, client).catch((error: unknown) => this.#refuse(error));
  }

  /** Stops reading; what still comes stays in the socket for its next owner. */
  #letGo(): void {
    clearTimeout(this.#timer);
    this.#socket.off('data', this.#onData).off('end', this.#onGone).off('close', this.#onGone);
    this.#socket.pause();
  }

  #refuse(error: unknown): void {
    this.#letGo();
    this.#door.settled(this);
    this.#door.stats.malformed += 1;
    const status = error instanceof LegacyStreamError ? error.status : 500;
    const reason = error instanceof LegacyStreamError ? error.message : 'internal error';
    closeWith(this.#socket, encodeRawResponse({ status, body: `${reason}\r\n` }));
  }
}
