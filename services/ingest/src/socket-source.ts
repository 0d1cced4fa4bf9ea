/**
 * Ties a source's socket to what it feeds: bytes in, through the decoder of the body's
 * framing, and the end of either to the other.
 */
import type { Socket } from 'node:net';
import { IcyDemuxer, type IcyPart } from '@legacystream/core/icy/icy-demuxer.ts';
import type { BodyDecoder } from '@legacystream/core/protocols/body-decoder.ts';
import { closeWith } from '@legacystream/runtime/client-connection.ts';
import type { SourceConnection, SourceEnd, SourceFeed } from './source-feed.ts';

export class SocketSource implements SourceConnection {
  readonly #socket: Socket;
  readonly #decoder: BodyDecoder;
  /** What is said when the body has ended as it should. */
  readonly #farewell: string;
  /** What is said to a source that is sent away after it was admitted. */
  readonly #refusal: string;
  #feed: SourceFeed | undefined;
  #icy: IcyDemuxer | undefined;
  #done = false;

  constructor(socket: Socket, decoder: BodyDecoder, farewell: string, refusal = '') {
    this.#socket = socket;
    this.#decoder = decoder;
    this.#farewell = farewell;
    this.#refusal = refusal;
  }

  /**
   * From now on the bytes of the socket go there.
   * @param rest bytes already read from it
   * @param metaint where the source interleaves titles with its audio: bytes between two
   */
  attach(feed: SourceFeed, rest: Uint8Array, metaint?: number): void {
    const socket = this.#socket;
    this.#feed = feed;
    if (metaint !== undefined) this.#icy = new IcyDemuxer(metaint, feed.charset);
    socket.on('data', (data: Uint8Array) => this.#onData(data));
    socket.on('end', () => feed.end('closed'));
    socket.on('error', () => feed.end('closed'));
    socket.on('close', () => feed.end('closed'));
    if (rest.byteLength > 0) this.#onData(rest);
    if (socket.destroyed || socket.readableEnded) feed.end('closed');
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
    else if (reason === 'wrong-codec') closeWith(this.#socket, this.#refusal);
    else this.#socket.destroySoon();
  }

  #onData(data: Uint8Array): void {
    const feed = this.#feed;
    if (this.#done || !feed) return;
    try {
      for (const body of this.#decoder.push(data)) {
        if (this.#icy) receiveIcy(feed, this.#icy.push(body));
        else feed.receive(body);
      }
    } catch {
      return feed.end('malformed');
    }
    if (this.#decoder.done) feed.end('closed');
  }
}

function receiveIcy(feed: SourceFeed, parts: readonly IcyPart[]): void {
  for (const part of parts) {
    if (part.type === 'audio') feed.receive(part.data);
    else if (part.fields.title !== undefined) feed.setTitle(part.fields.title, '', part.fields.url ?? '');
  }
}
