/**
 * How many listeners a mount has on the other edges, for limits that count the whole
 * fleet. Looked up a few times a second, so that a limit may be overrun by what comes in
 * between; never looked up when no mount has a limit.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import { parsePodCounts } from '@legacystream/core/status/pod-counts.ts';

const refreshEveryMs = 250;

export class FleetListeners {
  readonly #store: Pick<StateStore, 'listDocuments'>;
  readonly #podId: string;
  readonly #timer: Timer;
  #elsewhere = new Map<string, number>();

  constructor(store: Pick<StateStore, 'listDocuments'>, clock: Clock, podId: string) {
    this.#store = store;
    this.#podId = podId;
    this.#timer = clock.every(refreshEveryMs, () => void this.#refresh());
  }

  countElsewhere(path: string): number {
    return this.#elsewhere.get(path) ?? 0;
  }

  close(): void {
    this.#timer.cancel();
  }

  async #refresh(): Promise<void> {
    try {
      const elsewhere = new Map<string, number>();
      for (const [podId, document] of await this.#store.listDocuments('pod')) {
        if (podId === this.#podId) continue;
        for (const [path, { listeners }] of Object.entries(parsePodCounts(document)?.mounts ?? {})) {
          elsewhere.set(path, (elsewhere.get(path) ?? 0) + listeners);
        }
      }
      this.#elsewhere = elsewhere;
    } catch {
      // The store is away: the limits go on with what was known.
    }
  }
}
