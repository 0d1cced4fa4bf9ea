/**
 * A listener of low latency HLS, as players are: on a connection that stays open it asks for the
 * playlist that will name the next part, is answered when there is one, fetches the part, and
 * asks again (RFC 8216bis §6.2.5.2). It reads no more of a playlist than it needs for that.
 */
import { connect, type Socket } from 'node:net';

/** A part of the stream: the number of its segment, and its own within it. */
export type PartNumber = { readonly segment: number; readonly part: number };

export interface LowLatencyOwner {
  /** The playlist that names this part has come. */
  heard(part: PartNumber): void;
  /** A part has come whole. */
  got(bytes: number): void;
  failed(why: string): void;
}

const headEnd = Buffer.from('\r\n\r\n');

export class LowLatencyListener {
  readonly #socket: Socket;
  readonly #owner: LowLatencyOwner;
  readonly #host: string;
  #playlist: string;
  #received: Buffer[] = [];
  #receivedBytes = 0;
  /** Of the answer that is being read, head included; undefined while its head has not come. */
  #answerBytes: number | undefined;
  #headBytes = 0;
  #onAnswer: (body: Buffer) => void;
  #isClosed = false;

  /** @param path of the multivariant playlist */
  constructor(host: string, port: number, path: string, owner: LowLatencyOwner) {
    this.#owner = owner;
    this.#host = host;
    this.#playlist = path;
    this.#onAnswer = (body) => this.#onMultivariant(body);
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.on('data', (data) => this.#onData(data));
    this.#socket.on('error', (error) => this.#fail(error.message));
    this.#socket.on('close', () => this.#fail('the server closed the connection'));
    this.#ask(path);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #fail(why: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#owner.failed(why);
  }

  #ask(path: string): void {
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nUser-Agent: bench\r\n\r\n`);
  }

  #onData(data: Buffer): void {
    this.#received.push(data);
    this.#receivedBytes += data.byteLength;
    if (this.#answerBytes === undefined && !this.#readHead()) return;
    if (this.#receivedBytes < this.#answerBytes!) return;
    const answer = Buffer.concat(this.#received);
    if (answer.byteLength > this.#answerBytes!) return this.#fail('more came than was asked for');
    this.#received = [];
    this.#receivedBytes = 0;
    this.#answerBytes = undefined;
    this.#onAnswer(answer.subarray(this.#headBytes));
  }

  #readHead(): boolean {
    const gathered = this.#received.length === 1 ? this.#received[0]! : Buffer.concat(this.#received);
    const end = gathered.indexOf(headEnd);
    if (end < 0) return false;
    const head = gathered.toString('latin1', 0, end);
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    if (!head.startsWith('HTTP/1.1 200') || length === undefined) {
      this.#fail(head.slice(0, head.indexOf('\r\n')));
      return false;
    }
    this.#headBytes = end + headEnd.byteLength;
    this.#answerBytes = this.#headBytes + Number(length);
    return true;
  }

  #onMultivariant(body: Buffer): void {
    const uri = body
      .toString()
      .split('\n')
      .find((line) => line !== '' && !line.startsWith('#'));
    if (uri === undefined) return this.#fail('no media playlist is named');
    this.#playlist = this.#resolve(uri);
    this.#onAnswer = (text) => this.#onMedia(text);
    this.#ask(this.#playlist);
  }

  #onMedia(body: Buffer): void {
    const text = body.toString('latin1');
    const uris = text.match(/#EXT-X-PART:[^\n]*URI="[^"]+"/g) ?? [];
    const latest = /URI="([^"]+)"/.exec(uris.at(-1) ?? '')?.[1];
    if (latest === undefined) return this.#fail('no part is named');
    const first = Number(/#EXT-X-MEDIA-SEQUENCE:(\d+)/.exec(text)?.[1]);
    const skipped = Number(/#EXT-X-SKIP:SKIPPED-SEGMENTS=(\d+)/.exec(text)?.[1] ?? 0);
    const segments = text.match(/#EXTINF:/g)?.length ?? 0;
    const open = text.slice(text.lastIndexOf('#EXTINF:') + 1).match(/#EXT-X-PART:/g)?.length ?? 0;
    const next: PartNumber = { segment: first + skipped + segments, part: open };
    this.#owner.heard(next);
    this.#onAnswer = (part) => {
      this.#owner.got(part.byteLength);
      const mark = this.#playlist.includes('?') ? '&' : '?';
      this.#onAnswer = (playlist) => this.#onMedia(playlist);
      this.#ask(`${this.#playlist}${mark}_HLS_msn=${next.segment}&_HLS_part=${next.part}&_HLS_skip=YES`);
    };
    this.#ask(this.#resolve(latest));
  }

  #resolve(uri: string): string {
    const { pathname, search } = new URL(uri, `http://${this.#host}${this.#playlist}`);
    return pathname + search;
  }
}
