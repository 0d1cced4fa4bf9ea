/**
 * What a packager says, in its order: to the store first and then, by the bus, to those who
 * follow. So whoever packages next knows at least what players were told, whenever this process
 * ends. A store that is slow or away holds nothing up for longer than a moment: then those who
 * follow hear of it all the same, and bytes that it did not take are given to it when it is back.
 *
 * The store is also the judge of who speaks: once another packager has claimed what was written
 * here, nothing more is taken, and what was not taken is not said. So no number is used twice.
 */
import type { Clock } from '@legacystream/core/clock.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { Json, StateStore } from '@legacystream/core/ports/state-store.ts';
import { UnstoredBlobs } from './unstored-blobs.ts';

export type HlsJournalDeps = {
  readonly bus: Pick<Bus, 'publish'>;
  readonly store: Pick<StateStore, 'putBlob' | 'putDocument' | 'claimDocument'>;
  readonly clock: Clock;
  /** Counts what did not reach the store. */
  readonly stats: { storeFailures: number };
  /** Somebody with a larger epoch has claimed what was written here; the journal is closed. */
  readonly onSuperseded: () => void;
};

type Outgoing = { readonly message: Uint8Array; isReady: boolean };

/** A message waits for the store no longer than both together. */
const storeAnswersMs = 145;
/** After a standstill of the process there may be answers that it has not read yet. */
const lastWordMs = 5;
/** Writes to the store that wait for each other; what comes beyond is not stored. */
const maxPendingWrites = 200;
/** What is remembered of it while the store is away: eight minutes at 128 kb/s. */
const maxUnstoredBytes = 8 * 1024 * 1024;
const windowTtlMs = 7 * 24 * 3_600_000;

export class HlsJournal {
  readonly #deps: HlsJournalDeps;
  readonly #subject: string;
  readonly #group: string;
  readonly #unstored = new UnstoredBlobs(maxUnstoredBytes);
  #outgoing: Outgoing[] = [];
  #writes: Promise<void> = Promise.resolve();
  #pendingWrites = 0;
  #isClosed = false;

  constructor(deps: HlsJournalDeps, subject: string, group: string) {
    this.#deps = deps;
    this.#subject = subject;
    this.#group = group;
  }

  /** Settles when all that was said has reached the store, or could not. */
  get settled(): Promise<void> {
    return this.#writes;
  }

  /** Says it to those who follow, after what was put before has been stored. */
  publish(message: Uint8Array): void {
    if (this.#isClosed) return;
    const entry: Outgoing = { message, isReady: false };
    this.#outgoing.push(entry);
    const release = () => {
      timer.cancel();
      entry.isReady = true;
      this.#flush();
    };
    const { clock } = this.#deps;
    let timer = clock.after(storeAnswersMs, () => {
      timer = clock.after(lastWordMs, release);
    });
    // What is said in one go is heard in one go: a part, and that it was its segment's last.
    queueMicrotask(() => void this.#writes.then(release));
  }

  /** What a packager before wrote last; it writes nothing from then on. */
  claimDocument(id: string, epoch: number): Promise<Json | undefined> {
    return this.#deps.store.claimDocument('hls', id, { epoch, ttlMs: windowTtlMs });
  }

  putDocument(id: string, value: Json, epoch: number): void {
    this.#write(async () => {
      const options = { ttlMs: windowTtlMs, epoch };
      if ((await this.#deps.store.putDocument('hls', id, value, options)) || this.#isClosed) return;
      this.close();
      this.#deps.onSuperseded();
    });
  }

  putBlob(name: string, data: Uint8Array, ttlMs: number): void {
    const untilMs = this.#deps.clock.monotonicMs() + ttlMs;
    this.#write(
      () => this.#deps.store.putBlob(this.#group, name, data, { ttlMs }),
      () => this.#unstored.keep({ name, data, untilMs }),
    );
  }

  /** Nothing more is said, not even what still waits: the mount is somebody else's. */
  close(): void {
    this.#isClosed = true;
    this.#outgoing = [];
  }

  #flush(): void {
    while (this.#outgoing[0]?.isReady) this.#deps.bus.publish(this.#subject, this.#outgoing.shift()!.message);
  }

  /** One after the other, so that no document speaks of bytes that are not there yet. */
  #write(put: () => Promise<unknown>, onLost?: () => void): void {
    if (this.#isClosed) return;
    const lose = () => {
      this.#deps.stats.storeFailures += 1;
      onLost?.();
    };
    if (this.#pendingWrites >= maxPendingWrites) return lose();
    this.#pendingWrites += 1;
    this.#writes = this.#writes.then(async () => {
      try {
        await put();
        this.#putUnstored();
      } catch {
        lose();
      } finally {
        this.#pendingWrites -= 1;
      }
    });
  }

  /** The store is back: who begins to follow now finds what was made meanwhile. */
  #putUnstored(): void {
    if (this.#unstored.size === 0) return;
    const nowMs = this.#deps.clock.monotonicMs();
    for (const { name, data, untilMs } of this.#unstored.take(nowMs)) {
      this.putBlob(name, data, Math.max(1, untilMs - nowMs));
    }
  }
}
