/**
 * Ties a source's socket to its session: bytes in, through the decoder of the body's
 * framing, and the end of either to the other.
 */
import type { Socket } from 'node:net';
import type { BodyDecoder } from '@legacystream/core/protocols/body-decoder.ts';
import { closeWith } from '@legacystream/runtime/client-connection.ts';
import type { SourceConnection, SourceEnd, SourceSession } from './source-session.ts';

export class SocketSource implements SourceConnection {
  readonly #socket: Socket;
  readonly #decoder: BodyDecoder;
  /** What is said when the body has ended as it should. */
  readonly #farewell: string;
  #session: SourceSession | undefined;
  #done = false;

  constructor(socket: Socket, decoder: BodyDecoder, farewell: string) {
    this.#socket = socket;
    this.#decoder = decoder;
    this.#farewell = farewell;
  }

  /** From now on the socket feeds the session. @param rest bytes already read from it */
  attach(session: SourceSession, rest: Uint8Array): void {
    const socket = this.#socket;
    this.#session = session;
    socket.on('data', (data: Uint8Array) => this.#onData(data));
    socket.on('end', () => session.end('closed'));
    socket.on('error', () => session.end('closed'));
    socket.on('close', () => session.end('closed'));
    if (rest.byteLength > 0) this.#onData(rest);
    if (socket.destroyed || socket.readableEnded) session.end('closed');
    else socket.resume();
  }

  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  end(reason: SourceEnd): void {
    if (this.#done) return;
    this.#done = true;
    if (reason === 'closed') closeWith(this.#socket, this.#farewell);
    else this.#socket.destroySoon();
  }

  #onData(data: Uint8Array): void {
    const session = this.#session;
    if (this.#done || !session) return;
    try {
      for (const body of this.#decoder.push(data)) session.receive(body);
    } catch {
      return session.end('malformed');
    }
    if (this.#decoder.done) session.end('closed');
  }
}
