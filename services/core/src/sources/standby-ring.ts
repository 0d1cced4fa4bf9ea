/**
 * The newest audio of a source that waits hot, in chunks, so that it can be on air at once
 * when its turn comes. Bounded in playing time, in age and in bytes; it always reaches back
 * to a place where listeners can start, unless the bytes do not allow it.
 */
import type { Chunk } from './chunker.ts';

export type StandbyRingLimits = {
  /** How much is kept, by playing time and by time since it came. */
  readonly ringMs: number;
  readonly ringBytes: number;
  /** How much of it a source begins with. */
  readonly joinMs: number;
};

export const defaultStandbyRingLimits: StandbyRingLimits = {
  ringMs: 2_000,
  ringBytes: 1024 * 1024,
  joinMs: 200,
};

/** What a chunk costs beside its bytes. */
const overheadBytes = 256;

type Entry = { readonly chunk: Chunk; readonly arrivedMs: number };

export class StandbyRing {
  readonly #limits: StandbyRingLimits;
  #entries: Entry[] = [];
  #bytes = 0;
  #durationMs = 0;

  constructor(limits: StandbyRingLimits = defaultStandbyRingLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  push(chunk: Chunk, nowMs: number): void {
    this.#entries.push({ chunk, arrivedMs: nowMs });
    this.#bytes += chunk.data.byteLength + overheadBytes;
    this.#durationMs += chunk.durationUs / 1000;
    this.#trim(nowMs);
  }

  /**
   * What to begin with: the newest audio up to the join length, from a sync point on; where
   * none is as near, from the newest one. Empty when there is none at all.
   */
  newest(nowMs: number): readonly Chunk[] {
    const { joinMs } = this.#limits;
    let start = this.#entries.length;
    let durationMs = 0;
    for (let i = this.#entries.length - 1; i >= 0; i -= 1) {
      const { chunk, arrivedMs } = this.#entries[i]!;
      durationMs += chunk.durationUs / 1000;
      const isNear = durationMs <= joinMs && nowMs - arrivedMs <= this.#limits.ringMs;
      if (!isNear && start < this.#entries.length) break;
      if (chunk.syncPoint) start = i;
    }
    return this.#entries.slice(start).map(({ chunk }) => chunk);
  }

  clear(): void {
    this.#entries = [];
    this.#bytes = 0;
    this.#durationMs = 0;
  }

  #trim(nowMs: number): void {
    const { ringMs, ringBytes } = this.#limits;
    const newestSync = this.#entries.findLastIndex(({ chunk }) => chunk.syncPoint);
    let first = 0;
    for (; first < this.#entries.length; first += 1) {
      const { chunk, arrivedMs } = this.#entries[first]!;
      const isOld = this.#durationMs > ringMs || nowMs - arrivedMs > ringMs;
      if (this.#bytes <= ringBytes && !(isOld && first < newestSync)) break;
      this.#bytes -= chunk.data.byteLength + overheadBytes;
      this.#durationMs -= chunk.durationUs / 1000;
    }
    if (first > 0) this.#entries = this.#entries.slice(first);
  }
}
