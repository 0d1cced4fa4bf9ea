/**
 * Tells the fleet about one source session: keeps its state document, pushes every change
 * on the bus and remembers it in the store (design §2.1). A store that is away delays
 * newcomers' knowledge and nothing else.
 */
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { Json, StateStore } from '@legacystream/core/ports/state-store.ts';

/** A live document is refreshed every few seconds; one that nobody refreshes is a dead pod's. */
const liveTtlMs = 30_000;
/** How long titles of a mount that has ended are remembered for its next source. */
const endedTtlMs = 3_600_000;

export class MountAnnouncer {
  readonly #bus: Pick<Bus, 'publish'>;
  readonly #store: Pick<StateStore, 'putDocument'>;
  readonly #mountId: string;
  readonly #subject: string;
  #state: MountState;

  constructor(
    bus: Pick<Bus, 'publish'>,
    store: Pick<StateStore, 'putDocument'>,
    subjects: Subjects,
    initial: MountState,
  ) {
    this.#bus = bus;
    this.#store = store;
    this.#mountId = mountIdOf(initial.path);
    this.#subject = subjects.state(this.#mountId);
    this.#state = initial;
  }

  get state(): MountState {
    return this.#state;
  }

  update(change: Partial<MountState>): void {
    this.#state = { ...this.#state, ...change, revision: this.#state.revision + 1 };
    this.announce();
  }

  announce(): void {
    const state = this.#state;
    this.#bus.publish(this.#subject, Buffer.from(JSON.stringify(state)));
    const ttlMs = state.status === 'live' ? liveTtlMs : endedTtlMs + state.lingerMs;
    this.#store
      .putDocument('mount', this.#mountId, state as unknown as Json, { ttlMs, epoch: state.epoch })
      .catch(() => {});
  }
}
