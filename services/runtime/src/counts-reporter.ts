/**
 * Stores this pod's counts: soon after a change, and every few seconds so that they do not
 * expire. Also keeps the peaks, which are of the whole fleet.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import type { Json, StateStore } from '@legacystream/core/ports/state-store.ts';
import { type PodCounts, podTtlMs } from '@legacystream/core/status/pod-counts.ts';
import type { FleetStatus } from './fleet-status.ts';

const reportEveryMs = 4_000;
const settleMs = 200;

export class CountsReporter {
  readonly #store: Pick<StateStore, 'putDocument' | 'removeDocument' | 'raisePeak'>;
  readonly #clock: Clock;
  readonly #take: () => PodCounts;
  readonly #fleet: FleetStatus;
  readonly #regular: Timer;
  #soon: Timer | undefined;
  #podId = '';
  #running = false;

  /** @param take this pod's counts, beginning a new high water mark for the next ones */
  constructor(
    store: Pick<StateStore, 'putDocument' | 'removeDocument' | 'raisePeak'>,
    clock: Clock,
    take: () => PodCounts,
    fleet: FleetStatus,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#take = take;
    this.#fleet = fleet;
    this.#regular = clock.every(reportEveryMs, () => void this.report());
  }

  /** Something changed: it is stored together with whatever else changes in a moment. */
  changed(): void {
    this.#soon ??= this.#clock.after(settleMs, () => {
      this.#soon = undefined;
      void this.report();
    });
  }

  async report(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      const counts = this.#take();
      this.#podId = counts.podId;
      await this.#store.putDocument('pod', counts.podId, counts as unknown as Json, { ttlMs: podTtlMs });
      const pods = await this.#fleet.pods();
      for (const [path, mine] of Object.entries(counts.mounts)) {
        const others = pods.filter(({ podId }) => podId !== counts.podId);
        const peak = others.reduce((sum, pod) => sum + (pod.mounts[path]?.listeners ?? 0), mine.highWater);
        if (peak > 0) await this.#store.raisePeak(mountIdOf(path), peak);
      }
    } catch {
      // The store is away; the next report says it all again.
    } finally {
      this.#running = false;
    }
  }

  async close(): Promise<void> {
    this.#regular.cancel();
    this.#soon?.cancel();
    await this.#store.removeDocument('pod', this.#podId).catch(() => false);
  }
}
