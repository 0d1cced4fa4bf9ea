/**
 * Blobs within the process, in a bounded room: when it is full, those that were written
 * first go first, whatever is left of their time.
 *
 * Reading copies nothing. Writing copies only what is a view of a larger buffer: keeping the
 * view would keep all of that buffer, which may be a pool or a network read many times the
 * size, and which no bound here would count.
 */
import type { Clock } from '@legacystream/core/clock.ts';
import { ExpiringMap } from './expiring-map.ts';

/** What a blob takes beyond its bytes and its key, so that empty ones are bounded as well. */
const overheadBytes = 256;

export class MemoryBlobs {
  readonly #maxBytes: number;
  readonly #blobs: ExpiringMap<Uint8Array>;
  #bytes = 0;

  constructor(clock: Clock, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#blobs = new ExpiringMap(clock, (data, key) => {
      this.#bytes -= bytesOf(key, data);
    });
  }

  /** What they take, those included that expired and were not swept yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** One that is larger than all the room is not kept. */
  put(group: string, name: string, data: Uint8Array, ttlMs: number): void {
    const key = keyOf(group, name);
    // Written again, it is the youngest.
    this.#blobs.delete(key);
    const bytes = bytesOf(key, data);
    if (bytes > this.#maxBytes) return;
    while (this.#bytes + bytes > this.#maxBytes && this.#blobs.deleteOldest());
    this.#blobs.set(key, data.byteLength < data.buffer.byteLength ? new Uint8Array(data) : data, ttlMs);
    this.#bytes += bytes;
  }

  get(group: string, name: string): Uint8Array | undefined {
    return this.#blobs.get(keyOf(group, name))?.value;
  }

  sweep(maxEntries: number): void {
    this.#blobs.sweep(maxEntries);
  }

  clear(): void {
    while (this.#blobs.deleteOldest());
  }
}

/** Two pairs never give one key, whatever is in them: the length says where the group ends. */
function keyOf(group: string, name: string): string {
  return `${group.length}:${group}${name}`;
}

function bytesOf(key: string, data: Uint8Array): number {
  return overheadBytes + 2 * key.length + data.byteLength;
}
