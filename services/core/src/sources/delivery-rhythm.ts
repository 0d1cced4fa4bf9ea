/**
 * Tells an encoder that has fallen silent from one that delivers in lumps: an Ogg page a
 * second, half a second of MP3 from a file. A lump is what comes without a pause; nothing
 * more is due until it has been played, so silence counts as a failure only when it has
 * lasted longer than the latest lumps do, and longer than any network stammers.
 */
export type RhythmLimits = {
  /** Silence shorter than this is never a failure … */
  readonly leastSilenceMs: number;
  /** … and longer than this always is one, whatever came at once before. */
  readonly mostSilenceMs: number;
  /** How late the next lump may be. */
  readonly marginMs: number;
};

export const defaultRhythmLimits: RhythmLimits = { leastSilenceMs: 700, mostSilenceMs: 2_000, marginMs: 300 };

/** Bytes further apart than this belong to different lumps. */
const pauseMs = 40;
/** A head start is one lump, too: it is forgotten after a few more. */
const lumpsKept = 4;

export class DeliveryRhythm {
  readonly #limits: RhythmLimits;
  readonly #lumpsMs: number[] = [0];
  #lastMs: number;

  constructor(nowMs: number, limits: RhythmLimits = defaultRhythmLimits) {
    this.#lastMs = nowMs;
    this.#limits = limits;
  }

  /** Bytes came. */
  received(nowMs: number): void {
    if (nowMs - this.#lastMs > pauseMs) {
      this.#lumpsMs.push(0);
      if (this.#lumpsMs.length > lumpsKept) this.#lumpsMs.shift();
    }
    this.#lastMs = nowMs;
  }

  /** They held audio of this length. */
  add(durationUs: number): void {
    const last = this.#lumpsMs.length - 1;
    this.#lumpsMs[last] = this.#lumpsMs[last]! + durationUs / 1000;
  }

  /** The silence up to now was not the encoder's: nobody read from it. */
  excuse(nowMs: number): void {
    this.#lastMs = nowMs;
  }

  silentMs(nowMs: number): number {
    return nowMs - this.#lastMs;
  }

  /** After how long a silence this encoder counts as failed. */
  get failsAfterMs(): number {
    const { leastSilenceMs, mostSilenceMs, marginMs } = this.#limits;
    return Math.min(mostSilenceMs, Math.max(leastSilenceMs, Math.max(...this.#lumpsMs) + marginMs));
  }

  /** How long from now until it counts as failed if it stays silent; 0 when it does. */
  failsInMs(nowMs: number): number {
    return Math.max(0, this.failsAfterMs - this.silentMs(nowMs));
  }
}
