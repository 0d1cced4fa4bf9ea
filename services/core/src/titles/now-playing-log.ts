/**
 * The titles of one mount: what plays now and what played before. Repeating the current
 * title changes nothing, as panels send the same update over and over; a new link or
 * artist for the same title is about the same piece, which goes on.
 */
import type { NowPlaying } from '../mounts/mount-state.ts';

export const maxHistory = 50;

export const noTitle: NowPlaying = { display: '', title: '', artist: '', url: '', sinceMs: 0 };

export class NowPlayingLog {
  #current: NowPlaying;
  #history: NowPlaying[];

  constructor(current: NowPlaying = noTitle, history: readonly NowPlaying[] = []) {
    this.#current = current;
    this.#history = history.slice(0, maxHistory);
  }

  get current(): NowPlaying {
    return this.#current;
  }

  /** Newest first, the current one included. */
  get history(): readonly NowPlaying[] {
    return this.#history;
  }

  /** @returns true when something changed */
  set(next: NowPlaying): boolean {
    const current = this.#current;
    if (next.display === current.display && next.url === current.url && next.artist === current.artist)
      return false;
    this.#current = next.display === current.display ? { ...next, sinceMs: current.sinceMs } : next;
    if (next.display === '') return true;
    const [latest, ...older] = this.#history;
    const before = latest && latest.display !== next.display ? [latest, ...older] : older;
    this.#history = [this.#current, ...before].slice(0, maxHistory);
    return true;
  }
}
