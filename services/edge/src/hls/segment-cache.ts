/**
 * The segments, parts and initialization sections that this edge has at hand, of all mounts
 * together: bounded in bytes, those that nobody asked for longest go first. What nobody has
 * asked for in minutes goes too: players follow the end of the list, and the store has the rest.
 */
const overheadBytes = 300;
const maxIdleMs = 180_000;

type Entry = { readonly data: Uint8Array; usedAt: number; usedMs: number };

export class SegmentCache {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  /** Grows with every piece that comes, and with every sweep. */
  #age = 0;
  /** At the last sweep: a use is timed no more exactly than that. */
  #nowMs = 0;

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
      entry.usedMs = this.#nowMs;
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    return entry.data;
  }

  put(key: string, data: Uint8Array): void {
    this.delete(key);
    this.#age += 1;
    this.#entries.set(key, { data, usedAt: this.#age, usedMs: this.#nowMs });
    this.#bytes += data.byteLength + overheadBytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.delete(oldest);
    }
  }

  /** To be called every few seconds. @param nowMs monotonic */
  sweep(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#age += 1;
    for (const [key, { usedMs }] of this.#entries) {
      if (nowMs - usedMs < maxIdleMs) break;
      this.delete(key);
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
