/**
 * An encoder that sends counting frames in real time through a raw PUT, after a head start
 * that fills bursts. It knows what it sent, and it can fall silent, end or vanish.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type CountingFormat, countingFormats, countingFrames } from './counting-frames.ts';

const tickMs = 50;
const answerTimeoutMs = 10_000;

export type CountingSourceOptions = {
  readonly port: number;
  readonly mount: string;
  readonly password: string;
  readonly user?: string;
  readonly host?: string;
  /** TLS with whatever certificate the server shows. */
  readonly tls?: boolean;
  readonly format?: CountingFormat;
  /** More header lines, such as `ice-name: …`. */
  readonly headers?: readonly string[];
  /** Audio sent at once, before real time begins. */
  readonly headStartMs?: number;
  /** Number of the first frame. */
  readonly firstNumber?: number;
  /** Logs in and sends nothing before {@link CountingSource.resume}. */
  readonly silent?: boolean;
};

export class CountingSource {
  readonly socket: Socket;
  readonly format: CountingFormat;
  /** The number that the next frame will have. */
  nextNumber: number;
  readonly closed: Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #startedMs = 0;
  #startNumber: number;

  private constructor(socket: Socket, format: CountingFormat, firstNumber: number) {
    this.socket = socket;
    this.format = format;
    this.nextNumber = firstNumber;
    this.#startNumber = firstNumber;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    void this.closed.then(() => this.pause());
  }

  /** Logs in and begins to send. @throws with the server's answer when it refuses */
  static async start(options: CountingSourceOptions): Promise<CountingSource> {
    const { port, mount, password, user = 'source', host = '127.0.0.1', tls = false } = options;
    const { format = countingFormats.mp3At128, headers = [], headStartMs = 1_000 } = options;
    const socket = tls ? connectTls({ host, port, rejectUnauthorized: false }) : connect({ host, port });
    socket.on('error', () => {});
    socket.setTimeout(answerTimeoutMs, () => socket.destroy(new Error('no answer')));
    const lines = [
      `PUT ${mount} HTTP/1.1`,
      'Host: radio.test',
      `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
      'User-Agent: counting/1.0',
      `Content-Type: ${format.contentType}`,
      ...headers,
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    const status = answer.toString('latin1').split('\r\n', 1)[0] ?? '';
    if (!/^HTTP\/1\.[01] 200 /.test(status)) {
      socket.destroy();
      throw new Error(`the source was refused: ${status}`);
    }
    socket.setTimeout(0);
    socket.resume();
    const source = new CountingSource(socket, format, options.firstNumber ?? 0);
    if (!options.silent) source.resume(headStartMs);
    return source;
  }

  /** Falls silent; the connection stays. */
  pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  resume(headStartMs = 0): void {
    this.pause();
    this.#startedMs = performance.now() - headStartMs;
    this.#startNumber = this.nextNumber;
    this.#timer = setInterval(() => this.#sendDue(), tickMs);
    this.#sendDue();
  }

  /** Sends frames beyond those of real time. */
  sendAhead(count: number): void {
    this.#startNumber += count;
    this.#send(count);
  }

  /** Ends as an encoder that is switched off. */
  async end(): Promise<void> {
    this.pause();
    this.socket.end();
    await this.closed;
  }

  /** Vanishes. */
  destroy(): void {
    this.pause();
    this.socket.destroy();
  }

  #sendDue(): void {
    const elapsedMs = performance.now() - this.#startedMs;
    this.#send(this.#startNumber + Math.floor(elapsedMs / this.format.frameMs) - this.nextNumber);
  }

  #send(count: number): void {
    if (count <= 0 || this.socket.destroyed) return;
    this.socket.write(countingFrames(this.nextNumber, count, this.format));
    this.nextNumber += count;
  }
}
