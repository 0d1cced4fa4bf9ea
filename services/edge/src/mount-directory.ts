/**
 * What this edge knows of the mounts of the fleet: pushed on the bus, caught up from the
 * store every few seconds, in case a word was lost. Liveness comes from the owner's word,
 * which it repeats; a mount whose owner has fallen silent is treated as one whose source
 * dropped. While the bus is away nobody can be heard, so silence means nothing; and nothing
 * is forgotten because the store is away.
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
const catchUpEveryMs = 10_000;
/** A mount that has ended is remembered for so long at least: what was said of it before may still come. */
const endedMs = 60_000;
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
  readonly #bus: Pick<Bus, 'connected'>;
  /** Since when owners can be heard. */
  #listeningMs: number;
  #isClosed = false;
  #wasConnected = true;
  #catchUpDueMs: number;
  #catchingUp: Promise<void> | undefined;
  /** Mounts that the store says are on air or may be again. */
  #remembered: ReadonlySet<string> = new Set();
  /** Documents that were none; they are dropped. */
  malformed = 0;

  constructor(
    bus: Pick<Bus, 'subscribe' | 'connected'>,
    store: Pick<StateStore, 'listDocuments'>,
    clock: Clock,
    subjects: Subjects,
  ) {
    this.#bus = bus;
    this.#clock = clock;
    this.#store = store;
    this.#listeningMs = clock.monotonicMs();
    this.#catchUpDueMs = this.#listeningMs + catchUpEveryMs;
    this.#subscription = bus.subscribe(subjects.allStates, (data, subject) => {
      const state = decodeMountState(data);
      if (state && subject === subjects.state(mountIdOf(state.path))) this.#learn(state);
      else this.malformed += 1;
    });
    this.#sweep = clock.every(sweepEveryMs, () => this.#onSweep());
  }

  /** Reads what was said while this edge did not hear it; one reading at a time. */
  catchUp(): Promise<void> {
    if (!this.#catchingUp) {
      this.#catchUpDueMs = this.#clock.monotonicMs() + catchUpEveryMs;
      this.#catchingUp = this.#readStore().finally(() => {
        this.#catchingUp = undefined;
      });
    }
    return this.#catchingUp;
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
    this.#isClosed = true;
    this.#subscription.unsubscribe();
    this.#sweep.cancel();
    this.#watchers.clear();
  }

  #learn(state: MountState): void {
    const known = this.#mounts.get(state.path);
    if (known) {
      if (isNewer(known.state, state)) return;
    } else if (this.#mounts.size >= maxMounts) {
      return;
    }
    this.#set(state);
  }

  #set(state: MountState): void {
    this.#mounts.set(state.path, { state, heardMs: this.#clock.monotonicMs() });
    for (const watcher of this.#watchers) watcher(state);
    for (const settle of [...(this.#waiters.get(state.path) ?? [])]) settle(true);
  }

  async #readStore(): Promise<void> {
    const documents = await this.#store.listDocuments('mount').catch(() => undefined);
    if (!documents || this.#isClosed) return;
    const remembered = new Set<string>();
    for (const [mountId, document] of documents) {
      const state = decodeMountState(Buffer.from(JSON.stringify(document)));
      if (!state || mountId !== mountIdOf(state.path)) {
        this.malformed += 1;
        continue;
      }
      if (state.status !== 'ended') remembered.add(state.path);
      const known = this.#mounts.get(state.path)?.state;
      // What was heard already is no sign of life, and nobody need be told of an end that was long ago.
      if (known ? isNewer(state, known) : state.status !== 'ended') this.#learn(state);
    }
    this.#remembered = remembered;
  }

  #onSweep(): void {
    const nowMs = this.#clock.monotonicMs();
    const { connected } = this.#bus;
    if (connected && !this.#wasConnected) this.#catchUpDueMs = nowMs;
    this.#wasConnected = connected;
    // Owners have all their time again once they can be heard.
    if (connected) this.#judgeSilence(nowMs);
    else this.#listeningMs = nowMs;
    if (nowMs >= this.#catchUpDueMs && !this.#catchingUp) void this.catchUp();
  }

  #judgeSilence(nowMs: number): void {
    for (const [path, { state, heardMs }] of this.#mounts) {
      const silentMs = nowMs - Math.max(heardMs, this.#listeningMs);
      if (state.status === 'ended') {
        if (silentMs >= endedMs && !this.#remembered.has(path)) this.#mounts.delete(path);
      } else if (state.status === 'live' && silentMs >= ownerSilentMs) {
        this.#set({ ...state, status: 'lingering', droppedAtMs: this.#clock.wallMs() - silentMs });
      } else if (state.status === 'lingering' && silentMs >= state.lingerMs + sweepEveryMs) {
        this.#set({ ...state, status: 'ended' });
      }
    }
  }
}

function isNewer(state: MountState, known: MountState): boolean {
  return state.epoch === known.epoch ? state.revision > known.revision : state.epoch > known.epoch;
}
