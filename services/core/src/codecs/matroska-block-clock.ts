/**
 * Playing time from the timestamps of Matroska blocks (RFC 9559 §10, §11).
 *
 * How long a block plays is only known when the next one comes. So that no block has to
 * wait, each is given the time since the latest one before it: sums are right except for
 * the last block.
 */

import { walkEbml } from './ebml.ts';
import { matroskaIds } from './matroska-ids.ts';

/** More between two blocks is a jump of the timestamps. */
const maxStepUs = 10_000_000;

export class MatroskaBlockClock {
  readonly #tickUs: number;
  readonly #firstBlockUs: number;
  #clusterTicks = 0;
  #latestUs: number | undefined;

  /** `firstBlockUs`: the playing time that the first block is given, as nothing is before it. */
  constructor(tickUs: number, firstBlockUs: number) {
    this.#tickUs = tickUs;
    this.#firstBlockUs = Math.min(Math.round(firstBlockUs), maxStepUs);
  }

  beginCluster(ticks: number): void {
    this.#clusterTicks = ticks;
  }

  /** For the Block or SimpleBlock whose content begins at `at`. */
  advanceBlockUs(bytes: Uint8Array, at: number): number {
    const timeAt = at + Math.clz32((bytes[at] ?? 0) << 24) + 1;
    if (timeAt + 2 > bytes.length) return 0;
    const ticks = ((bytes[timeAt]! << 24) >> 16) | bytes[timeAt + 1]!;
    const us = Math.round((this.#clusterTicks + ticks) * this.#tickUs);
    const latest = this.#latestUs;
    if (latest === undefined) {
      this.#latestUs = us;
      return this.#firstBlockUs;
    }
    // Blocks of several tracks may step back a little; far back is a new count.
    if (us > latest || us < latest - maxStepUs) this.#latestUs = us;
    return Math.min(Math.max(us - latest, 0), maxStepUs);
  }

  /** For the BlockGroup whose content begins at `at`. */
  advanceGroupUs(bytes: Uint8Array, at: number): number {
    let durationUs = 0;
    walkEbml(bytes, at, bytes.length, (id, from) => {
      if (id === matroskaIds.block) durationUs += this.advanceBlockUs(bytes, from);
    });
    return durationUs;
  }
}
