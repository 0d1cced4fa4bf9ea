/**
 * A client that sends one HTTP request after the other on a connection, plain or TLS, and
 * sees of each answer what no HTTP library shows: the exact head, the body as it grows,
 * and what a reader gets that stops reading for a while.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { RawClient } from './raw-client.ts';

const headEnd = Buffer.from('\r\n\r\n');
const headTimeoutMs = 20_000;

export type StreamRequest = {
  readonly path: string;
  readonly method?: string;
  readonly version?: 'HTTP/1.0' | 'HTTP/1.1';
  /** Header lines; a Host header is sent unless one is among them. */
  readonly headers?: readonly string[];
};

export type StreamTarget = StreamRequest & {
  readonly port: number;
  readonly host?: string;
  /** With whatever certificate the server shows. */
  readonly tls?: boolean;
  /** Another loopback address, for a client that is somebody else. */
  readonly localAddress?: string;
};

export type ResponseHead = {
  /** Everything up to the empty line, as it came. */
  readonly text: string;
  readonly version: string;
  readonly status: number;
  /** Names in lower case; values as UTF-8. */
  readonly headers: ReadonlyMap<string, string>;
};

export class StreamClient {
  readonly raw: RawClient;
  readonly #startedMs = performance.now();
  #headBytes = 0;

  private constructor(raw: RawClient) {
    this.raw = raw;
  }

  /** Connects and sends the request. */
  static send(target: StreamTarget): StreamClient {
    const { port, host = '127.0.0.1', tls = false, localAddress } = target;
    const to = { host, port, ...(localAddress !== undefined && { localAddress }) };
    const socket = tls ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to);
    const client = new StreamClient(RawClient.over(socket));
    client.request(target);
    return client;
  }

  /** As {@link send}, and waits for the head of the answer. */
  static async open(target: StreamTarget): Promise<StreamClient> {
    const client = StreamClient.send(target);
    await client.head();
    return client;
  }

  /** One request on a connection of its own. */
  static async ask(target: StreamTarget): Promise<ResponseHead & { readonly body: string }> {
    const client = StreamClient.send(target);
    const answer = await client.answer();
    client.close();
    return answer;
  }

  /** Sends another request on the connection, forgetting what came before it. */
  request({ path, method = 'GET', version = 'HTTP/1.1', headers = [] }: StreamRequest): void {
    const host = headers.some((line) => /^host:/i.test(line)) ? [] : ['Host: radio.test'];
    this.raw.take(this.raw.received.byteLength);
    this.#headBytes = 0;
    this.raw.write(`${[`${method} ${path} ${version}`, ...host, ...headers].join('\r\n')}\r\n\r\n`);
  }

  async head(timeoutMs = headTimeoutMs): Promise<ResponseHead> {
    const received = await this.raw.until((bytes) => bytes.includes(headEnd), timeoutMs);
    const end = received.indexOf(headEnd);
    this.#headBytes = end + headEnd.length;
    const text = received.toString('utf8', 0, end);
    const [first = '', ...lines] = text.split('\r\n');
    const [, version, status] = /^(\S+) (\d{3}) /.exec(first) ?? [];
    assert.ok(version && status, `no status line: ${first}`);
    const headers = lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
    return { text, version, status: Number(status), headers: new Map(headers) };
  }

  /** The body as far as it has come; the head must have been waited for. */
  get body(): Buffer {
    return this.raw.received.subarray(this.#headBytes);
  }

  /** Waits until the body has so many bytes. */
  async receive(bytes: number, timeoutMs?: number): Promise<Buffer> {
    await this.raw.untilBytes(this.#headBytes + bytes, timeoutMs);
    return this.body;
  }

  /** Waits for a whole answer, as long as it says or until the server closes. */
  async answer(): Promise<ResponseHead & { readonly body: string }> {
    const head = await this.head();
    const length = head.headers.get('content-length');
    if (length === undefined) await this.raw.closed();
    else await this.receive(Number(length));
    return { ...head, body: this.body.toString('utf8') };
  }

  /** Since the connection was asked for. */
  get elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }

  close(): void {
    this.raw.destroy();
  }
}
