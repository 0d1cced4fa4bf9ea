/** A listener of a cluster that checks every frame and notes how long it heard nothing. */
import assert from 'node:assert/strict';
import { type CountingFormat, countingFormats } from '../support/counting-frames.ts';
import { type CountingReader, readCountingFrames } from '../support/counting-reader.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { StreamClient } from '../support/stream-client.ts';

export class FleetListener {
  readonly client: StreamClient;
  readonly format: CountingFormat;
  /** The longest time without a byte since {@link mark}. */
  silenceMs = 0;
  isConnected = true;
  #heardMs = performance.now();

  private constructor(client: StreamClient, format: CountingFormat) {
    this.client = client;
    this.format = format;
    const { socket } = client.raw;
    socket.on('data', () => {
      const nowMs = performance.now();
      this.silenceMs = Math.max(this.silenceMs, nowMs - this.#heardMs);
      this.#heardMs = nowMs;
    });
    socket.on('close', () => {
      this.isConnected = false;
    });
  }

  static async open(
    server: ServerProcess,
    path: string,
    options: { readonly format?: CountingFormat; readonly userAgent?: string } = {},
  ): Promise<FleetListener> {
    const { format = countingFormats.mp3At128, userAgent = 'fleet' } = options;
    const headers = [`User-Agent: ${userAgent}`];
    const client = StreamClient.send({ port: server.httpPort, path, headers });
    const listener = new FleetListener(client, format);
    const { status } = await client.head();
    assert.equal(status, 200);
    return listener;
  }

  mark(): void {
    this.silenceMs = 0;
    this.#heardMs = performance.now();
  }

  /** Milliseconds since it heard something. */
  get silentForMs(): number {
    return performance.now() - this.#heardMs;
  }

  /** What it has heard so far. */
  read(): CountingReader {
    return readCountingFrames(this.client.body, this.format);
  }

  /** Still connected, and every frame once and whole. */
  assertWhole(what: string): void {
    const heard = this.read();
    assert.ok(this.isConnected, `${what}: still connected`);
    assert.deepEqual(
      { gaps: heard.gaps, doubled: heard.doubled, torn: heard.tornBytes },
      { gaps: [], doubled: 0, torn: 0 },
      what,
    );
    assert.ok(heard.count > 0, `${what}: heard something`);
  }

  close(): void {
    this.client.close();
  }
}
