/**
 * The renditions that this edge follows: from the first request for one until nobody has asked
 * for it for a while. When a mount ends its playlist says so, and is gone a window later.
 */
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { hlsGroup } from '@legacystream/core/hls/stored-window.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import type { MountDirectory } from '../mount-directory.ts';
import { HlsFeed, type HlsFeedDeps, type HlsFeedStats } from './hls-feed.ts';

const idleMs = 60_000;
const sweepEveryMs = 5_000;

export class HlsFeeds {
  readonly stats: HlsFeedStats = { malformed: 0, stale: 0, reloads: 0, storeReads: 0 };
  readonly #deps: HlsFeedDeps;
  readonly #subjects: Subjects;
  readonly #feeds = new Map<string, HlsFeed>();
  readonly #clock: Clock;
  readonly #sweep: Timer;
  readonly #unwatch: () => void;

  constructor(deps: Omit<HlsFeedDeps, 'stats'>, subjects: Subjects, directory: MountDirectory) {
    this.#deps = { ...deps, stats: this.stats };
    this.#subjects = subjects;
    this.#clock = deps.clock;
    this.#sweep = deps.clock.every(sweepEveryMs, () => this.#dropIdle());
    this.#unwatch = directory.watch((state) => this.#onState(state));
  }

  get count(): number {
    return this.#feeds.size;
  }

  /** The feed of a mount that is there, opened if need be. */
  demand(mountPath: string, rendition: string): HlsFeed {
    const mountId = mountIdOf(mountPath);
    const group = hlsGroup(mountId, rendition);
    let feed = this.#feeds.get(group);
    if (!feed) {
      const subjects = this.#subjects;
      feed = new HlsFeed(
        this.#deps,
        subjects.hls(mountId, rendition),
        subjects.hlsTold(mountId, rendition),
        group,
      );
      this.#feeds.set(group, feed);
    }
    feed.usedMs = this.#clock.monotonicMs();
    return feed;
  }

  /** The feed of a rendition if it is followed. */
  find(mountPath: string, rendition: string): HlsFeed | undefined {
    return this.findGroup(hlsGroup(mountIdOf(mountPath), rendition));
  }

  /** As {@link find}, by the name that {@link hlsGroup} gives. */
  findGroup(group: string): HlsFeed | undefined {
    const feed = this.#feeds.get(group);
    if (feed) feed.usedMs = this.#clock.monotonicMs();
    return feed;
  }

  close(): void {
    this.#sweep.cancel();
    this.#unwatch();
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
  }

  #onState({ path, status }: MountState): void {
    const prefix = `${mountIdOf(path)}.`;
    for (const [group, feed] of this.#feeds) {
      if (!group.startsWith(prefix)) continue;
      if (status === 'ended') feed.end();
      else if (status === 'live') feed.revive();
    }
  }

  #dropIdle(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#deps.cache.sweep(nowMs);
    for (const [group, feed] of this.#feeds) {
      if (nowMs - feed.usedMs < idleMs && !feed.isGone) continue;
      feed.close();
      this.#feeds.delete(group);
    }
  }
}
