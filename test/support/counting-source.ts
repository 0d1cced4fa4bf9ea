/**
 * An encoder that sends counting frames (counting-frames.ts), in any dialect: in real time
 * after a head start that fills bursts, or as many at once as a test wants, before it was
 * let in or after. It knows what it sent, and it can fall silent, end or vanish.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type CountingFormat, countingFormats, countingFrames } from './counting-frames.ts';
import { RawClient } from './raw-client.ts';
import { sourcePassword } from './server-process.ts';

export const sourceDialects = ['SOURCE', 'PUT', 'PUT+Expect', 'SHOUTcast v1'] as const;
export type SourceDialect = (typeof sourceDialects)[number];

export type CountingSourceOptions = {
  readonly port: number;
  readonly mount: string;
  readonly password?: string;
  readonly user?: string;
  readonly host?: string;
  /** TLS with whatever certificate the server shows. */
  readonly tls?: boolean;
  readonly dialect?: SourceDialect;
  readonly format?: CountingFormat;
  /** In every frame: 0..65535, unlike that of any other source that the test tells it from. */
  readonly id?: number;
  /** More header lines, such as `ice-name: …`. */
  readonly headers?: readonly string[];
  /** Audio sent at once, before real time begins. */
  readonly headStartMs?: number;
  /** Number of the first frame. */
  readonly firstNumber?: number;
  /** Frames that go out with the request, in one segment, before any answer. */
  readonly eagerFrames?: number;
  /** Logs in and sends nothing before {@link CountingSource.resume}. */
  readonly silent?: boolean;
};

const tickMs = 50;

export function basicAuth(password = sourcePassword, user = 'source'): string {
  return `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

export class CountingSource {
  readonly client: RawClient;
  readonly format: CountingFormat;
  readonly dialect: SourceDialect;
  readonly id: number;
  /** The number that the next frame will have. */
  nextNumber: number;
  readonly closed: Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #startedMs = 0;
  #startNumber: number;

  private constructor(client: RawClient, options: CountingSourceOptions) {
    this.client = client;
    this.format = options.format ?? countingFormats.mp3At128;
    this.dialect = options.dialect ?? 'PUT';
    this.id = options.id ?? 0;
    this.nextNumber = options.firstNumber ?? 0;
    this.#startNumber = this.nextNumber;
    this.closed = new Promise((resolve) => client.socket.once('close', () => resolve()));
    void this.closed.then(() => this.pause());
    const request = requestOf(this.dialect, this.format, options);
    client.write(Buffer.concat([request, this.#frames(options.eagerFrames ?? 0)]));
  }

  get socket(): Socket {
    return this.client.socket;
  }

  /** Sends the request; {@link admitted} tells the outcome. */
  static async ask(options: CountingSourceOptions): Promise<CountingSource> {
    const { port, host = '127.0.0.1', tls = false } = options;
    const socket = tls ? connectTls({ host, port, rejectUnauthorized: false }) : connect({ host, port });
    await once(socket, tls ? 'secureConnect' : 'connect');
    return new CountingSource(RawClient.over(socket), options);
  }

  /** Goes on air and begins to send. @throws with the server's answer when it refuses, or when none comes */
  static async start(options: CountingSourceOptions): Promise<CountingSource> {
    const source = await CountingSource.ask(options);
    const isIn = await source.admitted().catch((error: unknown) => {
      source.destroy();
      throw error;
    });
    if (!isIn) {
      source.destroy();
      throw new Error(`the source was refused: ${source.client.text.split('\r\n', 1)[0]}`);
    }
    if (!options.silent) source.resume(options.headStartMs ?? 1_000);
    return source;
  }

  /** The outcome of the request: whether the source is on air. */
  async admitted(): Promise<boolean> {
    const answer = await this.client.until((bytes) => bytes.includes('\n'));
    return /^(?:HTTP\/1\.[01] (?:200|100) |OK2)/.test(answer.toString('latin1'));
  }

  /** Falls silent; the connection stays. */
  pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Sends frames as they would be played, from now on. */
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
    this.client.destroy();
  }

  #sendDue(): void {
    const elapsedMs = performance.now() - this.#startedMs;
    this.#send(this.#startNumber + Math.floor(elapsedMs / this.format.frameMs) - this.nextNumber);
  }

  #send(count: number): void {
    if (this.client.isClosed || this.socket.destroyed) return this.pause();
    if (count > 0) this.client.write(this.#frames(count));
  }

  #frames(count: number): Buffer {
    const frames = countingFrames(this.nextNumber, count, this.format, this.id);
    this.nextNumber += count;
    return frames;
  }
}

function requestOf(dialect: SourceDialect, format: CountingFormat, options: CountingSourceOptions): Buffer {
  const { mount, password = sourcePassword, user, headers = [] } = options;
  if (dialect === 'SHOUTcast v1') {
    return Buffer.from([`${mount}:${password}`, 'icy-br:128', ...headers, '', ''].join('\r\n'), 'latin1');
  }
  const isPut = dialect !== 'SOURCE';
  const lines = [
    `${isPut ? 'PUT' : 'SOURCE'} ${mount} ${isPut ? 'HTTP/1.1' : 'HTTP/1.0'}`,
    ...(isPut ? ['Host: radio.test'] : []),
    ...(dialect === 'PUT+Expect' ? ['Expect: 100-continue'] : []),
    basicAuth(password, user),
    ...(headers.some((line) => /^user-agent:/i.test(line)) ? [] : ['User-Agent: counting/1.0']),
    `Content-Type: ${format.contentType}`,
    ...headers,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
