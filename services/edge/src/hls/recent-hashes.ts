/**
 * What was heard of lately: a hash is known for a given time after it was added last, and for a
 * fifth of that more at most. They are kept by generations, of which the oldest is dropped
 * whole, so that neither a time for each nor a sweep is needed. Bounded: of more than there
 * is room for, the oldest are known for less long.
 */
import type { Clock } from '@legacystream/core/clock.ts';

export type RecentHashesOptions = {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly rememberMs: number;
  /** Held at once. */
  readonly maxSize: number;
};

const generationCount = 6;

export class RecentHashes {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #generationMs: number;
  readonly #maxPerGeneration: number;
  /** Youngest first. What is added again and again is in several. */
  readonly #generations = Array.from({ length: generationCount }, () => new Set<string>());
  /** Since when the youngest is filled. */
  #sinceMs: number;

  constructor({ clock, rememberMs, maxSize }: RecentHashesOptions) {
    this.#clock = clock;
    this.#generationMs = rememberMs / (generationCount - 1);
    this.#maxPerGeneration = Math.floor(maxSize / generationCount);
    this.#sinceMs = clock.monotonicMs();
  }

  add(hash: string): void {
    this.#forgetOld();
    if (this.#generations[0]!.size >= this.#maxPerGeneration) this.#turnOver(this.#clock.monotonicMs());
    this.#generations[0]!.add(hash);
  }

  has(hash: string): boolean {
    this.#forgetOld();
    return this.#generations.some((generation) => generation.has(hash));
  }

  delete(hash: string): void {
    for (const generation of this.#generations) generation.delete(hash);
  }

  #forgetOld(): void {
    const nowMs = this.#clock.monotonicMs();
    for (let turns = 0; nowMs - this.#sinceMs >= this.#generationMs; turns += 1) {
      // Nothing is left of what was known before so long a silence.
      if (turns === generationCount) this.#sinceMs = nowMs;
      else this.#turnOver(this.#sinceMs + this.#generationMs);
    }
  }

  #turnOver(sinceMs: number): void {
    this.#generations.pop();
    this.#generations.unshift(new Set());
    this.#sinceMs = sinceMs;
  }
}
