/**
 * An encoder that sends labelled frames (labelled-frames.ts), in any dialect: in real time
 * like an encoder, or as many at once as a test wants, before it was let in or after.
 */
import { labelledFrameMs, labelledFrames } from './labelled-frames.ts';
import { RawClient } from './raw-client.ts';
import { sourcePassword } from './server-process.ts';

export const sourceDialects = ['SOURCE', 'PUT', 'PUT+Expect', 'SHOUTcast v1'] as const;
export type SourceDialect = (typeof sourceDialects)[number];

export type LabelledSourceOptions = {
  readonly port: number;
  readonly mount: string;
  /** 0..65535, unlike that of any other source that the test tells it from. */
  readonly id: number;
  readonly dialect?: SourceDialect;
  readonly password?: string;
  readonly headers?: readonly string[];
  /** Number of the first frame. */
  readonly from?: number;
  /** Frames that go out with the request, in one segment, before any answer. */
  readonly eagerFrames?: number;
};

const sendEveryMs = 50;

export function basicAuth(password = sourcePassword, user = 'source'): string {
  return `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

export class LabelledSource {
  readonly id: number;
  readonly client: RawClient;
  readonly dialect: SourceDialect;
  /** Number of the next frame. */
  next: number;
  #timer: NodeJS.Timeout | undefined;

  private constructor(client: RawClient, options: LabelledSourceOptions) {
    this.client = client;
    this.id = options.id;
    this.dialect = options.dialect ?? 'SOURCE';
    this.next = options.from ?? 0;
    client.write(Buffer.concat([requestOf(options), this.#frames(options.eagerFrames ?? 0)]));
  }

  /** Sends the request; `admitted` tells the outcome. */
  static async ask(options: LabelledSourceOptions): Promise<LabelledSource> {
    return new LabelledSource(await RawClient.connect(options.port), options);
  }

  /** Goes on air and sends in real time, the first `aheadMs` at once. @throws when refused */
  static async onAir(options: LabelledSourceOptions, aheadMs = 1000): Promise<LabelledSource> {
    const source = await LabelledSource.ask(options);
    if (!(await source.admitted())) throw new Error(`source ${source.id} was refused: ${source.client.text}`);
    source.start(aheadMs);
    return source;
  }

  /** The outcome of the request: whether the source is on air. */
  async admitted(): Promise<boolean> {
    const answer = await this.client.until((bytes) => bytes.includes('\n'));
    return /^(?:HTTP\/1\.[01] (?:200|100)|OK2)/.test(answer.toString('latin1'));
  }

  /** Sends frames as they would be played, from now on. */
  start(aheadMs = 0): void {
    this.pause();
    const startMs = performance.now() - aheadMs;
    const first = this.next;
    const feed = () => {
      const due = first + Math.floor((performance.now() - startMs) / labelledFrameMs);
      if (due > this.next) this.send(due - this.next);
    };
    feed();
    this.#timer = setInterval(feed, sendEveryMs);
  }

  /** Falls silent and keeps the connection. */
  pause(): void {
    clearInterval(this.#timer);
  }

  /** Sends so many frames at once. */
  send(count: number): void {
    if (this.client.isClosed || this.client.socket.destroyed) return this.pause();
    this.client.write(this.#frames(count));
  }

  /** Ends the body as an encoder does that stops. */
  end(): void {
    this.pause();
    this.client.socket.end();
  }

  /** Drops the connection. */
  destroy(): void {
    this.pause();
    this.client.destroy();
  }

  #frames(count: number): Buffer {
    const frames = labelledFrames(this.id, this.next, count);
    this.next += count;
    return frames;
  }
}

function requestOf(options: LabelledSourceOptions): Buffer {
  const { mount, dialect = 'SOURCE', password = sourcePassword, headers = [] } = options;
  if (dialect === 'SHOUTcast v1') {
    return Buffer.from([`${mount}:${password}`, 'icy-br:128', ...headers, '', ''].join('\r\n'), 'latin1');
  }
  const isPut = dialect !== 'SOURCE';
  const lines = [
    `${isPut ? 'PUT' : 'SOURCE'} ${mount} ${isPut ? 'HTTP/1.1' : 'HTTP/1.0'}`,
    ...(isPut ? ['Host: localhost'] : []),
    ...(dialect === 'PUT+Expect' ? ['Expect: 100-continue'] : []),
    basicAuth(password),
    'Content-Type: audio/mpeg',
    ...headers,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
