/** A listener on a plain socket: the response head apart, and every byte of audio kept. */
import { RawClient } from './raw-client.ts';

export type TuneOptions = {
  /** Asks for titles in the stream. */
  readonly icy?: boolean;
  readonly headers?: readonly string[];
  readonly timeoutMs?: number;
};

export class StreamListener {
  readonly client: RawClient;
  readonly status: number;
  /** Names in lower case, values as Latin-1. */
  readonly headers: ReadonlyMap<string, string>;

  private constructor(client: RawClient, head: string) {
    const [statusLine = '', ...lines] = head.split('\r\n');
    this.client = client;
    this.status = Number(statusLine.split(' ')[1]);
    this.headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
  }

  /** Asks for a stream and waits for the response head. */
  static async tune(port: number, path: string, options: TuneOptions = {}): Promise<StreamListener> {
    const client = await RawClient.connect(port);
    const lines = [`GET ${path} HTTP/1.0`, 'Host: localhost', 'User-Agent: StreamListener/1'];
    if (options.icy) lines.push('Icy-MetaData: 1');
    client.write(`${[...lines, ...(options.headers ?? [])].join('\r\n')}\r\n\r\n`);
    const head = await client.untilText('\r\n\r\n', options.timeoutMs);
    const end = head.indexOf('\r\n\r\n');
    const text = client.take(end + 4).toString('latin1', 0, end);
    return new StreamListener(client, text);
  }

  /** Audio so far; with ICY, metadata blocks included. */
  get audio(): Buffer {
    return this.client.received;
  }

  get metaint(): number {
    return Number(this.headers.get('icy-metaint') ?? 0);
  }

  /** Waits for so much audio. */
  heard(bytes: number, timeoutMs?: number): Promise<Buffer> {
    return this.client.untilBytes(bytes, timeoutMs);
  }

  /** Waits until the server ended the stream. @returns all of its audio */
  ended(timeoutMs?: number): Promise<Buffer> {
    return this.client.closed(timeoutMs);
  }

  leave(): void {
    this.client.destroy();
  }
}

/** Takes the metadata blocks out of an ICY stream. The titles are those of the blocks that had one, in order. */
export function splitIcy(stream: Uint8Array, metaint: number): { audio: Buffer; titles: string[] } {
  const audio: Uint8Array[] = [];
  const titles: string[] = [];
  let at = 0;
  while (at < stream.byteLength) {
    audio.push(stream.subarray(at, at + metaint));
    at += metaint;
    if (at >= stream.byteLength) break;
    const length = stream[at]! * 16;
    const text = Buffer.from(stream.subarray(at + 1, at + 1 + length)).toString('utf8');
    if (length > 0) titles.push(/^StreamTitle='(.*?)';/s.exec(text)?.[1] ?? `unreadable: ${text}`);
    at += 1 + length;
  }
  return { audio: Buffer.concat(audio), titles };
}
