/**
 * Who packaged a mount last on this pod: a source that comes back to the same pod goes on from
 * that window even while the store is away.
 */
import type { HlsWindow } from '@legacystream/core/hls/hls-window.ts';

export interface HlsPredecessor {
  readonly epoch: number;
  readonly window: HlsWindow | undefined;
  /** Settles when all that it wrote has reached the store, or could not. */
  readonly stored: Promise<void>;
  /** It publishes nothing more; idempotent. */
  stop(): void;
}

const maxKept = 1_000;
const maxHeard = 50_000;

export class HlsPredecessors {
  readonly #left = new Map<string, HlsPredecessor>();
  /** The latest session of each mount, on whatever pod. */
  readonly #heard = new Map<string, number>();

  leave(mountId: string, predecessor: HlsPredecessor): void {
    // Taken out first, so that the map's order is that of leaving.
    this.#left.delete(mountId);
    this.#left.set(mountId, predecessor);
    const [oldest] = this.#left.keys();
    if (this.#left.size > maxKept && oldest !== undefined) this.#left.delete(oldest);
  }

  /** The latest session that a mount is known to have had; 0 where none is. */
  latestEpoch(mountId: string): number {
    return this.#heard.get(mountId) ?? 0;
  }

  /** Somebody else has the mount by now, maybe on another pod: what was left here is old. */
  heardOf(mountId: string, epoch: number): void {
    const latest = Math.max(epoch, this.#heard.get(mountId) ?? 0);
    this.#heard.delete(mountId);
    this.#heard.set(mountId, latest);
    const [oldest] = this.#heard.keys();
    if (this.#heard.size > maxHeard && oldest !== undefined) this.#heard.delete(oldest);
    const predecessor = this.#left.get(mountId);
    if (!predecessor || predecessor.epoch >= epoch) return;
    this.#left.delete(mountId);
    predecessor.stop();
  }

  /** The predecessor, stopped. */
  take(mountId: string): HlsPredecessor | undefined {
    const predecessor = this.#left.get(mountId);
    this.#left.delete(mountId);
    predecessor?.stop();
    return predecessor;
  }
}
