/**
 * What this edge knows of the mounts of the fleet: pushed on the bus, caught up from the
 * store. Liveness comes from the owner's word, which it repeats every few seconds; a mount
 * whose owner has fallen silent is treated as one whose source dropped.
 */
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import { decodeMountState, type MountState } from '@legacystream/core/mounts/mount-state.ts';
import type { Bus, Subscription } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';

/** The owner refreshes its document every 5 s. */
const ownerSilentMs = 20_000;
const sweepEveryMs = 1_000;
/** More mounts than any fleet has; a flood of invented ones is not remembered. */
const maxMounts = 50_000;

type Known = { state: MountState; heardMs: number };

export class MountDirectory {
  readonly #clock: Clock;
  readonly #store: Pick<StateStore, 'listDocuments'>;
  readonly #mounts = new Map<string, Known>();
  readonly #watchers = new Set<(state: MountState) => void>();
  readonly #waiters = new Map<string, Set<(isChange: boolean) => void>>();
  readonly #subscription: Subscription;
  readonly #sweep: Timer;
  /** Documents that were none; they are dropped. */
  malformed = 0;

  constructor(
    bus: Pick<Bus, 'subscribe'>,
    store: Pick<StateStore, 'listDocuments'>,
    clock: Clock,
    subjects: Subjects,
  ) {
    this.#clock = clock;
    this.#store = store;
    this.#subscription = bus.subscribe(subjects.allStates, (data, subject) => {
      const state = decodeMountState(data);
      if (state && subject === subjects.state(mountIdOf(state.path))) this.#learn(state);
      else this.malformed += 1;
    });
    this.#sweep = clock.every(sweepEveryMs, () => this.#forgetDead());
  }

  /** Reads what was said before this edge listened. */
  async catchUp(): Promise<void> {
    const documents = await this.#store.listDocuments('mount').catch(() => new Map());
    for (const [mountId, document] of documents) {
      const state = decodeMountState(Buffer.from(JSON.stringify(document)));
      if (state && mountId === mountIdOf(state.path)) this.#learn(state);
      else this.malformed += 1;
    }
  }

  /** The mount's state unless it has ended. */
  find(path: string): MountState | undefined {
    const known = this.#mounts.get(path);
    return known && known.state.status !== 'ended' ? known.state : undefined;
  }

  /** All mounts that have not ended, sorted by path. */
  list(): MountState[] {
    const states = [...this.#mounts.values()]
      .map(({ state }) => state)
      .filter(({ status }) => status !== 'ended');
    return states.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  watch(watcher: (state: MountState) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Settles when something is said of the mount, or after `timeoutMs`. @returns whether something was said */
  changed(path: string, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(path) ?? new Set();
      const settle = (isChange: boolean) => {
        timer.cancel();
        waiters.delete(settle);
        if (waiters.size === 0) this.#waiters.delete(path);
        resolve(isChange);
      };
      const timer = this.#clock.after(timeoutMs, () => settle(false));
      this.#waiters.set(path, waiters.add(settle));
    });
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.#sweep.cancel();
    this.#watchers.clear();
  }

  #learn(state: MountState): void {
    const known = this.#mounts.get(state.path);
    if (known) {
      const { epoch, revision } = known.state;
      if (state.epoch < epoch || (state.epoch === epoch && state.revision < revision)) return;
    } else if (this.#mounts.size >= maxMounts) {
      return;
    }
    this.#mounts.set(state.path, { state, heardMs: this.#clock.monotonicMs() });
    for (const watcher of this.#watchers) watcher(state);
    for (const settle of [...(this.#waiters.get(state.path) ?? [])]) settle(true);
  }

  #forgetDead(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [path, { state, heardMs }] of this.#mounts) {
      const silentMs = nowMs - heardMs;
      if (state.status === 'ended') this.#mounts.delete(path);
      else if (state.status === 'live' && silentMs >= ownerSilentMs) {
        this.#learn({ ...state, status: 'lingering', droppedAtMs: this.#clock.wallMs() - silentMs });
      } else if (state.status === 'lingering' && silentMs >= state.lingerMs + sweepEveryMs) {
        this.#learn({ ...state, status: 'ended' });
      }
    }
  }
}
