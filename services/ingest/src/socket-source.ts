/**
 * Ties a source's socket to its session: bytes in, through the decoder of the body's
 * framing, and the end of either to the other.
 */
import type { Socket } from 'node:net';
import { IcyDemuxer, type IcyPart } from '@legacystream/core/icy/icy-demuxer.ts';
import type { BodyDecoder } from '@legacystream/core/protocols/body-decoder.ts';
import { closeWith } from '@legacystream/runtime/client-connection.ts';
import type { SourceConnection, SourceEnd, SourceSession } from './source-session.ts';

export class SocketSource implements SourceConnection {
  readonly #socket: Socket;
  readonly #decoder: BodyDecoder;
  /** What is said when the body has ended as it should. */
  readonly #farewell: string;
  #session: SourceSession | undefined;
  #icy: IcyDemuxer | undefined;
  #done = false;

  constructor(socket: Socket, decoder: BodyDecoder, farewell: string) {
    this.#socket = socket;
    this.#decoder = decoder;
    this.#farewell = farewell;
  }

  /**
   * From now on the socket feeds the session.
   * @param rest bytes already read from it
   * @param metaint where the source interleaves titles with its audio: bytes between two
   */
  attach(session: SourceSession, rest: Uint8Array, metaint?: number): void {
    const socket = this.#socket;
    this.#session = session;
    if (metaint !== undefined) this.#icy = new IcyDemuxer(metaint, session.charset);
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
      for (const body of this.#decoder.push(data)) {
        if (this.#icy) receiveIcy(session, this.#icy.push(body));
        else session.receive(body);
      }
    } catch {
      return session.end('malformed');
    }
    if (this.#decoder.done) session.end('closed');
  }
}

function receiveIcy(session: SourceSession, parts: readonly IcyPart[]): void {
  for (const part of parts) {
    if (part.type === 'audio') session.receive(part.data);
    else if (part.fields.title !== undefined) session.setTitle(part.fields.title, '', part.fields.url ?? '');
  }
}
