/**
 * Takes the metadata blocks out of an ICY stream (protocols §4.1): the inverse of what
 * listeners are sent, for sources that relay one and say so by `icy-metaint`.
 *
 * Any split of the input gives the same audio and the same blocks. Memory is bounded by
 * one block, 4081 bytes.
 */
import { type MetadataFields, parseMetadataBlock } from './metadata-block.ts';

export const maxMetaint = 1_000_000;
const unitBytes = 16;

export type IcyPart =
  | { readonly type: 'audio'; readonly data: Uint8Array }
  | { readonly type: 'metadata'; readonly fields: MetadataFields };

export class IcyDemuxer {
  readonly #metaint: number;
  readonly #charset: string | undefined;
  #audioLeft: number;
  /** The block under way, its length byte included; undefined between blocks. */
  #block: Uint8Array | undefined;
  #blockAt = 0;

  /** @param metaint audio bytes between two blocks, 1 to {@link maxMetaint} */
  constructor(metaint: number, charset?: string) {
    this.#metaint = metaint;
    this.#charset = charset;
    this.#audioLeft = metaint;
  }

  /** The audio and the blocks that say something, in the order of the stream. */
  push(bytes: Uint8Array): IcyPart[] {
    const parts: IcyPart[] = [];
    for (let at = 0; at < bytes.length; ) {
      if (this.#audioLeft > 0) {
        const data = bytes.subarray(at, at + this.#audioLeft);
        this.#audioLeft -= data.length;
        at += data.length;
        parts.push({ type: 'audio', data });
        continue;
      }
      this.#block ??= this.#begin(bytes[at] ?? 0);
      const taken = bytes.subarray(at, at + this.#block.length - this.#blockAt);
      this.#block.set(taken, this.#blockAt);
      this.#blockAt += taken.length;
      at += taken.length;
      if (this.#blockAt < this.#block.length) break;
      // An empty block says that nothing changed.
      if (this.#block.length > 1)
        parts.push({ type: 'metadata', fields: parseMetadataBlock(this.#block, this.#charset) });
      this.#block = undefined;
      this.#audioLeft = this.#metaint;
    }
    return parts;
  }

  #begin(units: number): Uint8Array {
    this.#blockAt = 0;
    return new Uint8Array(1 + units * unitBytes);
  }
}

/** The interval that a source announces; undefined for none and for one that makes no sense. */
export function sourceMetaintOf(headers: ReadonlyMap<string, string>): number | undefined {
  const text = headers.get('icy-metaint') ?? '';
  const metaint = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  return metaint > 0 && metaint <= maxMetaint ? metaint : undefined;
}
