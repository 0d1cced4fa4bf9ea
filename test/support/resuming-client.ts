/**
 * A listener that loses nothing when its server goes (decision 8): it counts the bytes of
 * the stream, and when its connection ends it asks the next of its addresses to go on at
 * that very byte. A position can only be read forward while its message is remembered, so
 * it has it renewed every few seconds.
 */
import { type IncomingMessage, request } from 'node:http';
import {
  formatStreamPosition,
  parseStreamPosition,
  type StreamPosition,
} from '@legacystream/core/fanout/stream-position.ts';
import { eventually } from './eventually.ts';
import { IcyReader } from './icy-body.ts';

export type ResumingClientOptions = {
  /** Asked in turn. */
  readonly addresses: readonly { readonly port: number; readonly host?: string }[];
  readonly path: string;
  readonly icy?: boolean;
  /** Where to begin, instead of live. */
  readonly resume?: string;
  readonly renewEveryMs?: number;
  /** Told of the stream as it comes, instead of its being kept. */
  readonly onAudio?: (bytes: Uint8Array) => void;
};

/** An answer that was a stream. */
export type Connection = {
  readonly port: number;
  /** As the server said. */
  readonly resumed: string | undefined;
  readonly position: string;
  readonly leadBytes: number;
};

const retryMs = 100;
const answerTimeoutMs = 5_000;

export class ResumingClient {
  readonly connections: Connection[] = [];
  /** Attempts that were no stream. */
  failures = 0;
  /** Positions that were renewed. */
  renewals = 0;
  /** Bytes of the stream, codec headers in the lead of an answer included. */
  audioBytes = 0;
  readonly #options: ResumingClientOptions;
  readonly #pieces: Uint8Array[] = [];
  readonly #renewer: NodeJS.Timeout;
  #next = 0;
  #anchor: StreamPosition | undefined;
  /** Bytes of the stream since the anchor. */
  #sinceAnchor = 0;
  #leadLeft = 0;
  #dropAfter = Number.POSITIVE_INFINITY;
  #response: IncomingMessage | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ResumingClientOptions) {
    this.#options = options;
    this.#anchor = options.resume === undefined ? undefined : parseStreamPosition(options.resume);
    this.#renewer = setInterval(() => this.#renew(), options.renewEveryMs ?? 10_000);
    this.#connect();
  }

  /** The place of the next byte. */
  get position(): string | undefined {
    const anchor = this.#anchor;
    return anchor && formatStreamPosition({ ...anchor, byte: anchor.byte + this.#sinceAnchor });
  }

  /** What has been heard so far. */
  get audio(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /** Waits until so many bytes more have been heard. */
  async hear(bytes: number, timeoutMs?: number): Promise<void> {
    const until = this.audioBytes + bytes;
    await eventually(`${until} bytes are heard`, () => this.audioBytes >= until, timeoutMs);
  }

  /** Breaks the connection after exactly so many bytes more, and lets it be made anew. */
  async dropAfter(bytes: number, timeoutMs?: number): Promise<void> {
    const { attempts } = this;
    this.#dropAfter = bytes;
    await eventually('the connection is dropped and made anew', () => this.attempts > attempts, timeoutMs);
  }

  /** Streams and failures so far. */
  get attempts(): number {
    return this.connections.length + this.failures;
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#renewer);
    clearTimeout(this.#retry);
    this.#response?.destroy();
  }

  #target(): string {
    const { path } = this.#options;
    const position = this.position;
    return position === undefined ? path : `${path}?resume=${position}`;
  }

  #connect(): void {
    if (this.#isClosed) return;
    const { addresses, icy } = this.#options;
    const { port, host = '127.0.0.1' } = addresses[this.#next % addresses.length]!;
    this.#next += 1;
    const headers = icy ? { 'Icy-MetaData': '1' } : {};
    const asking = request({ host, port, path: this.#target(), headers, agent: false });
    const timer = setTimeout(() => asking.destroy(), answerTimeoutMs);
    const fail = () => {
      clearTimeout(timer);
      this.failures += 1;
      this.#connectLater();
    };
    asking.once('error', fail);
    asking.once('response', (response) => {
      clearTimeout(timer);
      asking.off('error', fail).on('error', () => {});
      if (this.#isClosed || response.statusCode !== 200 || !this.#begin(response, port)) {
        response.destroy();
        fail();
      }
    });
    asking.end();
  }

  #connectLater(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), retryMs);
  }

  #begin(response: IncomingMessage, port: number): boolean {
    const header = (name: string) => response.headers[name] as string | undefined;
    const position = header('x-legacystream-position') ?? '';
    const anchor = parseStreamPosition(position);
    if (!anchor) return false;
    const leadBytes = Number(header('x-legacystream-lead'));
    this.connections.push({ port, resumed: header('x-legacystream-resumed'), position, leadBytes });
    this.#anchor = anchor;
    this.#sinceAnchor = 0;
    this.#leadLeft = leadBytes;
    this.#response = response;
    const metaint = Number(header('icy-metaint') ?? 0);
    const icy = metaint > 0 ? new IcyReader(metaint, (audio) => this.#take(audio, true)) : undefined;
    response.on('data', (data: Buffer) => (icy ? icy.push(data) : this.#take(data, false)));
    response.on('error', () => {});
    response.once('close', () => {
      this.#response = undefined;
      this.#connectLater();
    });
    return true;
  }

  /** @param isIcy its lead is zeroes, which nobody wants to hear; other leads are codec headers */
  #take(data: Uint8Array, isIcy: boolean): void {
    if (this.#response?.destroyed) return;
    const lead = data.subarray(0, this.#leadLeft);
    this.#leadLeft -= lead.length;
    if (!isIcy) this.#keep(lead);
    const audio = data.subarray(lead.length, lead.length + this.#dropAfter);
    this.#sinceAnchor += audio.length;
    this.#keep(audio);
    this.#dropAfter -= audio.length;
    if (this.#dropAfter > 0) return;
    this.#dropAfter = Number.POSITIVE_INFINITY;
    this.#response?.destroy();
  }

  #keep(data: Uint8Array): void {
    this.audioBytes += data.length;
    if (data.length === 0) return;
    if (this.#options.onAudio) this.#options.onAudio(data);
    else this.#pieces.push(data);
  }

  /** Has the position named anew, by a message that has just been sent. */
  #renew(): void {
    const { addresses, icy } = this.#options;
    const current = this.connections.at(-1);
    if (!this.#response || !current) return;
    const { host = '127.0.0.1' } = addresses.find(({ port }) => port === current.port)!;
    const [anchor, sinceAnchor] = [this.#anchor, this.#sinceAnchor];
    const headers = icy ? { 'Icy-MetaData': '1' } : {};
    const asking = request({
      host,
      port: current.port,
      method: 'HEAD',
      path: this.#target(),
      headers,
      agent: false,
    });
    asking.setTimeout(answerTimeoutMs, () => asking.destroy());
    asking.on('error', () => {});
    asking.once('response', (response) => {
      response.resume();
      const renewed = parseStreamPosition(String(response.headers['x-legacystream-position']));
      // Another connection counts from another place already.
      const isCurrent = this.#anchor === anchor && this.connections.at(-1) === current;
      if (!isCurrent || !renewed || response.headers['x-legacystream-resumed'] !== 'exact') return;
      this.#anchor = renewed;
      this.#sinceAnchor -= sinceAnchor;
      this.renewals += 1;
    });
    asking.end();
  }
}
