/**
 * What the store did not take while it was away, for as long as somebody who comes when it is
 * back may ask for it: bounded in bytes, the oldest goes first.
 */
export type UnstoredBlob = { readonly name: string; readonly data: Uint8Array; readonly untilMs: number };

export class UnstoredBlobs {
  readonly #maxBytes: number;
  readonly #blobs = new Map<string, UnstoredBlob>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#blobs.size;
  }

  keep(blob: UnstoredBlob): void {
    this.#drop(blob.name);
    this.#blobs.set(blob.name, blob);
    this.#bytes += blob.data.byteLength;
    for (const oldest of this.#blobs.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#drop(oldest);
    }
  }

  /** All that is still of use; they are kept no longer. */
  take(nowMs: number): readonly UnstoredBlob[] {
    const blobs = [...this.#blobs.values()].filter(({ untilMs }) => untilMs > nowMs);
    this.#blobs.clear();
    this.#bytes = 0;
    return blobs;
  }

  #drop(name: string): void {
    this.#bytes -= this.#blobs.get(name)?.data.byteLength ?? 0;
    this.#blobs.delete(name);
  }
}
