/**
 * Blobs in Redis, over a connection of their own: a lease that has to be renewed in time does
 * not wait behind audio, and a blob may take longer than a lease may. The connection is opened
 * with the first blob, since most pods have none.
 */
import { blobLimitBytes } from '../blob-limit.ts';
import type { Patience } from './redis-client.ts';
import { type ConnectionOptions, RedisConnection, type StoreStats } from './redis-connection.ts';

/** The largest blob gets through 20 Mbit/s; a segment of 64 kB through a 300 kbit/s. */
const blobPatience: Patience = { commandMs: 2000, socketMs: 2200, callMs: 2500 };
/** Bounds the memory for what is under way. */
const maxPendingBlobs = 256;

export class RedisBlobs {
  readonly #options: ConnectionOptions;
  #connection: RedisConnection | undefined;
  #settled: Promise<void> | undefined;

  constructor(options: ConnectionOptions) {
    // What operators are told of is the connection that leases depend on.
    const own = { scripts: [], onStatus: undefined };
    this.#options = { ...options, ...own, patience: blobPatience, maxPendingCalls: maxPendingBlobs };
  }

  get stats(): StoreStats | undefined {
    return this.#connection?.stats;
  }

  async put(key: string, data: Uint8Array, ttlMs: string): Promise<void> {
    const connection = await this.#open();
    await connection.call(() => connection.setBytes(key, data, ttlMs));
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const connection = await this.#open();
    const bytes = await connection.call(() => connection.bytes(key));
    if (bytes && bytes.byteLength > blobLimitBytes) {
      connection.stats.malformed++;
      return undefined;
    }
    // The client gives a view of whatever it read from the network; who keeps it would keep all of that.
    return bytes && new Uint8Array(bytes);
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  async #open(): Promise<RedisConnection> {
    this.#connection ??= new RedisConnection(this.#options);
    this.#settled ??= this.#connection.settle();
    await this.#settled;
    return this.#connection;
  }
}
