/**
 * Decides what to do with each message of an audio sequence by its (epoch, seq)
 * alone (design §2.2): lower epochs are another writer's and dropped, a repeated
 * number is dropped, a jump is a gap that history may fill.
 */
export type Admission = 'next' | 'new-epoch' | 'gap' | 'duplicate' | 'stale';

export class SequenceGate {
  #epoch = 0;
  #seq = 0;

  get epoch(): number {
    return this.#epoch;
  }

  get seq(): number {
    return this.#seq;
  }

  /** Judges a message without taking it. */
  judge(epoch: number, seq: number): Admission {
    if (epoch < this.#epoch) return 'stale';
    if (epoch > this.#epoch) return 'new-epoch';
    if (seq <= this.#seq) return 'duplicate';
    return seq === this.#seq + 1 ? 'next' : 'gap';
  }

  /** Moves on to a message that was judged fit. */
  take(epoch: number, seq: number): void {
    this.#epoch = epoch;
    this.#seq = seq;
  }

  /** Refuses every epoch below `epoch` from now on; what is current stays. */
  fence(epoch: number): void {
    if (epoch > this.#epoch) this.take(epoch, 0);
  }
}
