/**
 * The place that a reader of an audio sequence has reached, as (epoch, seq): what lies
 * behind it is dropped, be it repeated or of a superseded writer, and a jump ahead is a
 * gap that history may fill (design §2.2).
 */
export class SequenceGate {
  #epoch = 0;
  #seq = 0;

  get epoch(): number {
    return this.#epoch;
  }

  get seq(): number {
    return this.#seq;
  }

  /** Whether a message is still to come: neither taken before nor of a superseded writer. */
  isAhead(epoch: number, seq: number): boolean {
    return epoch === this.#epoch ? seq > this.#seq : epoch > this.#epoch;
  }

  /**
   * How many messages are known to be missing before one that is ahead. Nobody can miss
   * what was sent before the first that was taken, and how many an earlier epoch had
   * beyond what is known of it cannot be told.
   */
  missingBefore(epoch: number, seq: number): number {
    if (this.#seq === 0) return 0;
    return epoch === this.#epoch ? seq - this.#seq - 1 : seq - 1;
  }

  /** Moves on to a message that is ahead. */
  take(epoch: number, seq: number): void {
    this.#epoch = epoch;
    this.#seq = seq;
  }

  /** Refuses every epoch below `epoch` from now on; what is current stays. */
  fence(epoch: number): void {
    if (epoch > this.#epoch) this.take(epoch, 0);
  }
}
