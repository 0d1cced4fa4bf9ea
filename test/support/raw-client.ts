/**
 * A TCP connection that says exactly what a test tells it to, and keeps every byte that
 * comes back: for dialects that no HTTP library would speak, and answers whose bytes count.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const defaultTimeoutMs = 10_000;

export class RawClient {
  readonly socket: Socket;
  /** The other side has ended or reset the connection. */
  isClosed = false;
  #parts: Buffer[] = [];
  #bytes = 0;
  #watchers = new Set<() => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      this.#parts.push(data);
      this.#bytes += data.byteLength;
      this.#notify();
    });
    socket.on('error', () => {});
    const onEnd = () => {
      this.isClosed = true;
      this.#notify();
    };
    socket.on('end', onEnd).on('close', onEnd);
  }

  /** @param localAddress another loopback address, for a client that is somebody else */
  static async connect(port: number, localAddress?: string): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port, ...(localAddress && { localAddress }) });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** For a connection that is not plain TCP to 127.0.0.1. */
  static over(socket: Socket): RawClient {
    return new RawClient(socket);
  }

  /** Sends a request and gives everything that came until the server closed. */
  static async exchange(port: number, request: string | Uint8Array, localAddress?: string): Promise<string> {
    const client = await RawClient.connect(port, localAddress);
    client.write(request);
    try {
      return (await client.closed()).toString('latin1');
    } finally {
      client.destroy();
    }
  }

  get byteCount(): number {
    return this.#bytes;
  }

  /** Everything received and not yet taken. */
  get received(): Buffer {
    if (this.#parts.length > 1) this.#parts = [Buffer.concat(this.#parts)];
    return this.#parts[0] ?? Buffer.alloc(0);
  }

  get text(): string {
    return this.received.toString('latin1');
  }

  /** Strings go out as Latin-1, so that `\xff` is one byte. */
  write(data: string | Uint8Array): void {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
  }

  /** Sends byte by byte, each in a segment of its own as far as the system allows. */
  async writeByteByByte(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    for (const byte of bytes) {
      this.socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Waits until what has been received satisfies `fits`, and leaves it there. */
  async until(fits: (received: Buffer) => boolean, timeoutMs = defaultTimeoutMs): Promise<Buffer> {
    await this.#wait(() => fits(this.received), timeoutMs);
    return this.received;
  }

  untilText(wanted: string, timeoutMs = defaultTimeoutMs): Promise<Buffer> {
    return this.until((received) => received.includes(wanted, 0, 'latin1'), timeoutMs);
  }

  untilBytes(count: number, timeoutMs = defaultTimeoutMs): Promise<Buffer> {
    return this.until((received) => received.byteLength >= count, timeoutMs);
  }

  /** Waits until the server has closed. @returns everything received */
  async closed(timeoutMs = defaultTimeoutMs): Promise<Buffer> {
    await this.#wait(() => this.isClosed, timeoutMs, true);
    return this.received;
  }

  /** Removes the first `count` bytes received and returns them. */
  take(count: number): Buffer {
    const all = this.received;
    const rest = all.subarray(count);
    this.#parts = rest.byteLength > 0 ? [rest] : [];
    return all.subarray(0, count);
  }

  destroy(): void {
    this.socket.destroy();
  }

  #notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #wait(isDone: () => boolean, timeoutMs: number, closingIsFine = false): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error) => {
        clearTimeout(timer);
        this.#watchers.delete(check);
        if (error) reject(error);
        else resolve();
      };
      const say = () =>
        `${this.#bytes} bytes came, these last: ${JSON.stringify(this.received.subarray(-300).toString('latin1'))}`;
      const check = () => {
        if (isDone()) finish();
        else if (this.isClosed && !closingIsFine) finish(new Error(`connection closed too early; ${say()}`));
      };
      const timer = setTimeout(
        () => finish(new Error(`nothing fit in ${timeoutMs} ms; ${say()}`)),
        timeoutMs,
      );
      this.#watchers.add(check);
      check();
    });
  }
}
