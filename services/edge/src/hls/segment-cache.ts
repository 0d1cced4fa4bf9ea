/**
 * The segments, parts and initialization sections that this edge has at hand, of all mounts
 * together: bounded in bytes, those that nobody asked for longest go first.
 */
const overheadBytes = 300;

export class SegmentCache {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Uint8Array | undefined {
    const data = this.#entries.get(key);
    if (data) {
      // Put last, so that the order of the map is that of the latest use.
      this.#entries.delete(key);
      this.#entries.set(key, data);
    }
    return data;
  }

  put(key: string, data: Uint8Array): void {
    this.delete(key);
    this.#entries.set(key, data);
    this.#bytes += data.byteLength + overheadBytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const data = this.#entries.get(key);
    if (!data) return;
    this.#entries.delete(key);
    this.#bytes -= data.byteLength + overheadBytes;
  }

  /** Lets go of everything whose key begins so. */
  deleteGroup(prefix: string): void {
    for (const key of [...this.#entries.keys()]) if (key.startsWith(prefix)) this.delete(key);
  }
}
