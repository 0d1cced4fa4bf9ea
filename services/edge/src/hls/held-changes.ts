/** Changes of a window that came before what they follow, bounded. */
import type { HlsMessage } from '@legacystream/core/hls/hls-message.ts';

export type HeldChange = {
  readonly head: Extract<HlsMessage['head'], { type: 'change' }>;
  readonly payload: Uint8Array;
};

const maxHeld = 500;
const maxHeldBytes = 16 * 1024 * 1024;

export class HeldChanges {
  #changes: HeldChange[] = [];
  #bytes = 0;

  get size(): number {
    return this.#changes.length;
  }

  /** Where there are too many all before are let go: the store has what they add up to. */
  add(change: HeldChange): void {
    const { byteLength } = change.payload;
    if (this.#changes.length >= maxHeld || this.#bytes + byteLength > maxHeldBytes) this.take();
    this.#changes.push(change);
    this.#bytes += byteLength;
  }

  /** All of them in their order; none are held afterwards. */
  take(): HeldChange[] {
    const changes = this.#changes;
    this.#changes = [];
    this.#bytes = 0;
    return changes.sort((a, b) => a.head.epoch - b.head.epoch || a.head.revision - b.head.revision);
  }

  dropOlderThan(epoch: number): void {
    for (const change of this.take()) if (change.head.epoch >= epoch) this.add(change);
  }
}
