/**
 * Turns sample counts into whole microseconds without drift: what rounding leaves
 * over is carried to the next frame, so that the durations of a day of frames add
 * up to a day. A change of rate starts anew.
 */
export class SampleClock {
  #rateHz = 0;
  /** Time not given out yet, in units of 1/rate microseconds; less than one microsecond. */
  #carry = 0;

  /** The microseconds that `samples` more samples last. */
  advance(samples: number, rateHz: number): number {
    if (rateHz !== this.#rateHz) {
      this.#rateHz = rateHz;
      this.#carry = 0;
    }
    const total = samples * 1_000_000 + this.#carry;
    this.#carry = total % rateHz;
    return (total - this.#carry) / rateHz;
  }
}
