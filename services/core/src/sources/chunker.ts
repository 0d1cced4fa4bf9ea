/**
 * Gathers a splitter's frames into chunks (design §5): whole frames, about a tenth of a
 * second, one bus message each. A chunk begins with a sync point wherever the stream
 * has one, so that listeners can be set down on chunk edges.
 */
import type { FrameEvent } from '../codecs/frame-splitter.ts';

export type Chunk = {
  readonly data: Uint8Array;
  readonly durationUs: number;
  readonly frameCount: number;
  /** The length of each frame in `data`, in order; together they are all of it. */
  readonly frameBytes: readonly number[];
  readonly syncPoint: boolean;
};

export type ChunkLimits = { readonly targetUs: number; readonly maxBytes: number };

export const defaultChunkLimits: ChunkLimits = { targetUs: 100_000, maxBytes: 16 * 1024 };

export class Chunker {
  readonly #limits: ChunkLimits;
  #frames: FrameEvent[] = [];
  #bytes = 0;
  #durationUs = 0;
  #hasDependent = false;

  constructor(limits: ChunkLimits = defaultChunkLimits) {
    this.#limits = limits;
  }

  get pendingBytes(): number {
    return this.#bytes;
  }

  /** Takes a frame; gives the chunks that are complete with it, at most two. */
  push(frame: FrameEvent): Chunk[] {
    const out: Chunk[] = [];
    const startsAnew = frame.syncPoint && this.#hasDependent;
    if (this.#bytes > 0 && (startsAnew || this.#bytes + frame.data.byteLength > this.#limits.maxBytes)) {
      out.push(this.#take());
    }
    this.#frames.push(frame);
    this.#bytes += frame.data.byteLength;
    this.#durationUs += frame.durationUs;
    if (!frame.syncPoint) this.#hasDependent = true;
    if (this.#durationUs >= this.#limits.targetUs || this.#bytes >= this.#limits.maxBytes)
      out.push(this.#take());
    return out;
  }

  /** What has been gathered so far, if anything. */
  flush(): Chunk | undefined {
    return this.#bytes > 0 ? this.#take() : undefined;
  }

  #take(): Chunk {
    const [first] = this.#frames;
    const data =
      this.#frames.length === 1
        ? first!.data
        : Buffer.concat(
            this.#frames.map((f) => f.data),
            this.#bytes,
          );
    const chunk = {
      data,
      durationUs: this.#durationUs,
      frameCount: this.#frames.length,
      frameBytes: this.#frames.map((f) => f.data.byteLength),
      syncPoint: first!.syncPoint,
    };
    this.#frames = [];
    this.#bytes = 0;
    this.#durationUs = 0;
    this.#hasDependent = false;
    return chunk;
  }
}

/** The frames of a chunk, which share its bytes; undefined where the lengths do not make up the data. */
export function splitChunk({
  data,
  frameBytes,
}: Pick<Chunk, 'data' | 'frameBytes'>): Uint8Array[] | undefined {
  const frames: Uint8Array[] = [];
  let at = 0;
  for (const length of frameBytes) {
    if (!Number.isSafeInteger(length) || length <= 0 || at + length > data.byteLength) return undefined;
    frames.push(data.subarray(at, at + length));
    at += length;
  }
  return at === data.byteLength ? frames : undefined;
}
