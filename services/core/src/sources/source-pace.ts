/**
 * Keeps a source near real time: one that delivers faster than it plays (a file sent at
 * line speed) is read from only as fast as its audio lasts, so that it neither floods
 * the bus nor leaves its listeners behind. Encoders may run ahead by a buffer's worth, and
 * their clocks may be a little fast for ever. Bytes whose playing time nobody can tell
 * count as the densest audio there is.
 */
export type PaceLimits = {
  /** Reading stops when the audio is this far ahead of the clock … */
  readonly maxAheadMs: number;
  /** … and goes on when it is no further ahead than this. */
  readonly resumeAheadMs: number;
  /** No audio has more bytes to a second. */
  readonly maxBytesPerSecond: number;
};

/** By how much a clock may be fast: sound cards stay below it. */
const driftAllowance = 0.0005;

export const defaultPaceLimits: PaceLimits = {
  maxAheadMs: 10_000,
  resumeAheadMs: 8_000,
  maxBytesPerSecond: 2_000_000,
};

export class SourcePace {
  readonly #limits: PaceLimits;
  #startMs: number;
  #mediaMs = 0;
  #bytes = 0;

  constructor(nowMs: number, limits: PaceLimits = defaultPaceLimits) {
    this.#startMs = nowMs;
    this.#limits = limits;
  }

  /** Bytes came from the source, whatever they are. */
  addBytes(bytes: number): void {
    this.#bytes += bytes;
  }

  /** They held audio of this length. */
  add(durationUs: number): void {
    this.#mediaMs += durationUs / 1000;
  }

  /** How long to stop reading, in milliseconds; 0 to go on. */
  pauseMs(nowMs: number): number {
    const elapsedMs = (nowMs - this.#startMs) * (1 + driftAllowance);
    const deliveredMs = Math.max(this.#mediaMs, (this.#bytes * 1000) / this.#limits.maxBytesPerSecond);
    // A source that fell behind does not earn the right to a longer burst later.
    if (deliveredMs < elapsedMs) {
      this.#startMs = nowMs;
      this.#mediaMs = 0;
      this.#bytes = 0;
      return 0;
    }
    const aheadMs = deliveredMs - elapsedMs;
    return aheadMs > this.#limits.maxAheadMs ? aheadMs - this.#limits.resumeAheadMs : 0;
  }
}
