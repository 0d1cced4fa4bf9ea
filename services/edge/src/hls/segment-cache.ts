/**
 * The segments, parts and initialization sections that this edge has at hand, of all mounts
 * together: bounded in bytes, those that nobody asked for longest go first.
 */
const overheadBytes = 300;

type Entry = { readonly data: Uint8Array; usedAt: number };

export class SegmentCache {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  /** Grows with every piece that comes. */
  #age = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Uint8Array | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (entry.usedAt !== this.#age) {
      // Put last, so that the order of the map is that of the latest use; what is used again and
      // again before anything else comes is there already.
      entry.usedAt = this.#age;
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    return entry.data;
  }

  put(key: string, data: Uint8Array): void {
    this.delete(key);
    this.#age += 1;
    this.#entries.set(key, { data, usedAt: this.#age });
    this.#bytes += data.byteLength + overheadBytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.data.byteLength + overheadBytes;
  }

  /** Lets go of everything whose key begins so. */
  deleteGroup(prefix: string): void {
    for (const key of [...this.#entries.keys()]) if (key.startsWith(prefix)) this.delete(key);
  }
}
