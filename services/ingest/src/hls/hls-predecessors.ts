/**
 * Who packaged a mount last on this pod: a source that comes back to the same pod goes on from
 * that window even while the store is away.
 */
import type { HlsWindow } from '@legacystream/core/hls/hls-window.ts';

export interface HlsPredecessor {
  readonly window: HlsWindow | undefined;
  /** Settles when all that it wrote has reached the store, or could not. */
  readonly stored: Promise<void>;
  /** It publishes nothing more; idempotent. */
  stop(): void;
}

const maxKept = 1_000;

export class HlsPredecessors {
  readonly #left = new Map<string, HlsPredecessor>();

  leave(mountId: string, predecessor: HlsPredecessor): void {
    // Taken out first, so that the map's order is that of leaving.
    this.#left.delete(mountId);
    this.#left.set(mountId, predecessor);
    const [oldest] = this.#left.keys();
    if (this.#left.size > maxKept && oldest !== undefined) this.#left.delete(oldest);
  }

  /** The predecessor, stopped. */
  take(mountId: string): HlsPredecessor | undefined {
    const predecessor = this.#left.get(mountId);
    this.#left.delete(mountId);
    predecessor?.stop();
    return predecessor;
  }
}
