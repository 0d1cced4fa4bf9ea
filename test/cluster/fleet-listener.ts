/** A listener of a cluster that checks every frame and notes how long it heard nothing. */
import assert from 'node:assert/strict';
import { type CountingFormat, countingFormats } from '../support/counting-frames.ts';
import { type CountingReader, readCountingFrames } from '../support/counting-reader.ts';
import { eventually } from '../support/eventually.ts';
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
    // A mount that has just come is not known everywhere at once.
    return eventually(`${path} is known at ${server.url}`, async () => {
      const client = StreamClient.send({ host: server.host, port: server.httpPort, path, headers });
      const listener = new FleetListener(client, format);
      const { status } = await client.head();
      if (status === 200) return listener;
      client.close();
      assert.equal(status, 404);
      return undefined;
    });
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

  /** Frames heard from one connection of the source. */
  heardOf(source: number): number {
    return this.read().frames.filter((frame) => frame.source === source).length;
  }

  /** Still connected, nothing torn, and no frame twice. */
  assertClean(what: string): void {
    const { frames, tornBytes } = this.read();
    const distinct = new Set(frames.map(({ source, number }) => `${source}:${number}`));
    assert.ok(this.isConnected, `${what}: still connected`);
    assert.equal(tornBytes, 0, `${what}: torn bytes`);
    assert.equal(frames.length - distinct.size, 0, `${what}: frames heard twice`);
    assert.ok(frames.length > 0, `${what}: heard something`);
  }

  /** Clean, and without a frame that is missing between those that one connection of the source sent. */
  assertWhole(what: string): void {
    this.assertClean(what);
    assert.deepEqual(this.read().gaps, [], `${what}: gaps`);
  }

  close(): void {
    this.client.close();
  }
}
