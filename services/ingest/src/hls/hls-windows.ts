/**
 * The windows of mounts that this pod packaged last: a source that comes back to the same pod
 * goes on from there even while the store is away.
 */
import type { HlsWindow } from '@legacystream/core/hls/hls-window.ts';

export type LeftWindow = {
  readonly window: HlsWindow;
  /** Settles when all of it has reached the store, or could not. */
  readonly stored: Promise<void>;
};

const maxWindows = 1_000;

export class HlsWindows {
  readonly #left = new Map<string, LeftWindow>();

  leave(mountId: string, left: LeftWindow): void {
    // Taken out first, so that the map's order is that of leaving.
    this.#left.delete(mountId);
    this.#left.set(mountId, left);
    const [oldest] = this.#left.keys();
    if (this.#left.size > maxWindows && oldest !== undefined) this.#left.delete(oldest);
  }

  take(mountId: string): LeftWindow | undefined {
    const left = this.#left.get(mountId);
    this.#left.delete(mountId);
    return left;
  }
}
