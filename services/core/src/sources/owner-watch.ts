/**
 * How a source that waits on a `standby` mount judges the one on air by what it answers,
 * and when it takes the mount (design §8). Pure: the queue of waiting sources asks the
 * owner and tells what came of it.
 *
 *  - An owner that answers says itself when it would have been silent for too long.
 *  - One that made way has given the mount free: whoever comes first has it.
 *  - One that nobody answers for may have left in order; then the mount is free. If it is
 *    not, and the owner stays away, its pod is dead.
 *  - One that is mute twice is frozen or cut off.
 *
 * A mount is taken by force only from the very session that stayed away, named by its
 * epoch. All bounds together are well within a second.
 */
export type OwnerSign =
  | { readonly type: 'made-way' }
  | { readonly type: 'on-air'; readonly yieldsInMs: number }
  /** Nobody answers for it. */
  | { readonly type: 'gone' }
  /** It does not answer in time. */
  | { readonly type: 'mute' };

export type NextStep =
  | { readonly type: 'ask'; readonly inMs: number }
  /** `byForce` from this epoch's holder, else only if the mount is free. */
  | { readonly type: 'claim'; readonly byForce: boolean };

export const askEveryMs = 200;
/** The owner's clock and the way there are not exact. */
const leastAskMs = 10;
export const answerTimeoutMs = 250;
const missesToForce = 2;
/** A pod that finds its way back to the bus within this time keeps its mount. */
const leastAwayMs = 240;

export class OwnerWatch {
  #epoch = 0;
  #misses = 0;
  #missedSinceMs = 0;

  /** The session that is watched; 0 while none is known. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Whether the owner has stayed away once, so that the next time decides. */
  get isDoubtful(): boolean {
    return this.#misses > 0;
  }

  /** The mount was found to be held by this session. */
  follow(epoch: number): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#misses = 0;
  }

  /** What came of asking counts for nothing: it was the asker that could not be reached. */
  forgive(): void {
    this.#misses = 0;
  }

  judge(sign: OwnerSign, nowMs: number): NextStep {
    if (sign.type === 'made-way') return { type: 'claim', byForce: false };
    if (sign.type === 'on-air') {
      this.#misses = 0;
      return { type: 'ask', inMs: Math.min(askEveryMs, Math.max(leastAskMs, sign.yieldsInMs)) };
    }
    if (this.#misses === 0) this.#missedSinceMs = nowMs;
    this.#misses += 1;
    const byForce = this.#misses >= missesToForce && nowMs - this.#missedSinceMs >= leastAwayMs;
    if (sign.type === 'gone' || byForce) return { type: 'claim', byForce };
    return { type: 'ask', inMs: 0 };
  }
}
