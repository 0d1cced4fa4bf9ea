/**
 * The store of a single process (port `StateStore`), optionally with a file that keeps
 * peaks, bans and settings over restarts.
 *
 * Times to live count on the monotonic clock, so that a step of the wall clock ends
 * nothing. Epochs come from one high-water mark for all leases: it grows beyond every
 * earlier one without remembering any, and floors on the wall clock, so that it does not
 * go back over a restart either.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type {
  DocumentKind,
  DocumentOptions,
  Json,
  LeaseGrant,
  LeaseRefusal,
  LeaseView,
  StateStore,
} from '@legacystream/core/ports/state-store.ts';
import { assertBlob } from './blob-limit.ts';
import { ExpiringMap } from './expiring-map.ts';
import { MemoryBlobs } from './memory-blobs.ts';
import { StateFile, type StoredDocument } from './state-file.ts';

export type MemoryStateStoreOptions = {
  readonly clock: Clock;
  /** What all blobs together may take; 1 GiB by default. */
  readonly maxBlobBytes?: number;
};

export type PersistentStateStoreOptions = MemoryStateStoreOptions & {
  readonly path: string;
  readonly warn: (message: string, error: unknown) => void;
};

type Lease = { readonly holder: string; readonly epoch: number };
type StoredValue = { readonly json: string; readonly epoch: number | undefined };

const persistentKinds: readonly DocumentKind[] = ['peak', 'ban', 'setting'];
const defaultMaxBlobBytes = 1024 * 1024 * 1024;
const sweepPeriodMs = 10_000;
const sweepEntries = 1000;

export class MemoryStateStore implements StateStore {
  readonly #clock: Clock;
  readonly #file: StateFile | undefined;
  readonly #leases: ExpiringMap<Lease>;
  readonly #documents = new Map<DocumentKind, ExpiringMap<StoredValue>>();
  readonly #blobs: MemoryBlobs;
  readonly #sweeper: Timer;
  #latestEpoch = 0;
  #closed = false;

  constructor(options: MemoryStateStoreOptions, file?: StateFile) {
    this.#clock = options.clock;
    this.#file = file;
    this.#leases = new ExpiringMap(options.clock);
    this.#blobs = new MemoryBlobs(options.clock, options.maxBlobBytes ?? defaultMaxBlobBytes);
    this.#sweeper = options.clock.every(sweepPeriodMs, () => this.#sweep());
  }

  /** A store that reads its file first. Never rejects: trouble with the file is a warning. */
  static async open(options: PersistentStateStoreOptions): Promise<MemoryStateStore> {
    const file = new StateFile(options);
    const store = new MemoryStateStore(options, file);
    const wallMs = options.clock.wallMs();
    for (const { kind, id, value, epoch, expiresAtMs } of await file.load()) {
      const ttlMs = expiresAtMs === undefined ? undefined : expiresAtMs - wallMs;
      if (!persistentKinds.includes(kind) || (ttlMs !== undefined && ttlMs <= 0)) continue;
      store.#kind(kind).set(id, { json: JSON.stringify(value), epoch }, ttlMs);
    }
    return store;
  }

  get connected(): boolean {
    return !this.#closed;
  }

  async acquireLease(
    name: string,
    holder: string,
    ttlMs: number,
    options: { readonly steal?: boolean } = {},
  ): Promise<LeaseGrant | LeaseRefusal> {
    this.#assertOpen();
    assertTtl(ttlMs);
    const held = this.#leases.get(name);
    if (held && held.value.holder !== holder && !options.steal) {
      return { granted: false, ...held.value, remainingMs: this.#remainingMs(held.expiresAtMs) };
    }
    const epoch = Math.max(Math.ceil(this.#clock.wallMs()), this.#latestEpoch + 1);
    this.#latestEpoch = epoch;
    this.#leases.set(name, { holder, epoch }, ttlMs);
    return { granted: true, epoch };
  }

  async renewLease(name: string, holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    this.#assertOpen();
    assertTtl(ttlMs);
    if (!this.#holds(name, holder, epoch)) return false;
    this.#leases.set(name, { holder, epoch }, ttlMs);
    return true;
  }

  async releaseLease(name: string, holder: string, epoch: number): Promise<boolean> {
    this.#assertOpen();
    return this.#holds(name, holder, epoch) && this.#leases.delete(name);
  }

  async readLease(name: string): Promise<LeaseView | undefined> {
    this.#assertOpen();
    const held = this.#leases.get(name);
    return held && { ...held.value, remainingMs: this.#remainingMs(held.expiresAtMs) };
  }

  async putDocument(
    kind: DocumentKind,
    id: string,
    value: Json,
    options: DocumentOptions = {},
  ): Promise<boolean> {
    this.#assertOpen();
    if (options.ttlMs !== undefined) assertTtl(options.ttlMs);
    const json = encode(value);
    if (this.#isFenced(kind, id, options.epoch)) return false;
    this.#kind(kind).set(id, { json, epoch: options.epoch }, options.ttlMs);
    this.#noteChange(kind);
    return true;
  }

  async getDocument(kind: DocumentKind, id: string): Promise<Json | undefined> {
    this.#assertOpen();
    const stored = this.#kind(kind).get(id);
    return stored && (JSON.parse(stored.value.json) as Json);
  }

  async claimDocument(
    kind: DocumentKind,
    id: string,
    { epoch, ttlMs }: { readonly epoch: number; readonly ttlMs: number },
  ): Promise<Json | undefined> {
    this.#assertOpen();
    assertTtl(ttlMs);
    const documents = this.#kind(kind);
    const stored = documents.get(id);
    if (!stored) documents.set(id, { json: 'null', epoch }, ttlMs);
    else if (!this.#isFenced(kind, id, epoch)) {
      const leftMs = stored.expiresAtMs - this.#clock.monotonicMs();
      documents.set(id, { json: stored.value.json, epoch }, leftMs);
    }
    this.#noteChange(kind);
    return stored && (JSON.parse(stored.value.json) as Json);
  }

  async listDocuments(kind: DocumentKind): Promise<ReadonlyMap<string, Json>> {
    this.#assertOpen();
    const documents = new Map<string, Json>();
    for (const [id, { value }] of this.#kind(kind).live()) documents.set(id, JSON.parse(value.json) as Json);
    return documents;
  }

  async removeDocument(
    kind: DocumentKind,
    id: string,
    options: { readonly epoch?: number } = {},
  ): Promise<boolean> {
    this.#assertOpen();
    if (this.#isFenced(kind, id, options.epoch) || !this.#kind(kind).delete(id)) return false;
    this.#noteChange(kind);
    return true;
  }

  async raisePeak(id: string, value: number): Promise<number> {
    this.#assertOpen();
    if (!Number.isFinite(value))
      throw new LegacyStreamError('LS_PARAMETER_INVALID', 'a peak must be a finite number');
    const stored = Number(this.#kind('peak').get(id)?.value.json);
    if (stored >= value) return stored;
    this.#kind('peak').set(id, { json: encode(value), epoch: undefined });
    this.#noteChange('peak');
    return value;
  }

  async putBlob(
    group: string,
    name: string,
    data: Uint8Array,
    options: { readonly ttlMs: number },
  ): Promise<void> {
    this.#assertOpen();
    assertTtl(options.ttlMs);
    assertBlob(data);
    this.#blobs.put(group, name, data, options.ttlMs);
  }

  async getBlob(group: string, name: string): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    return this.#blobs.get(group, name);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#sweeper.cancel();
    this.#blobs.clear();
    await this.#file?.close();
  }

  #kind(kind: DocumentKind): ExpiringMap<StoredValue> {
    const known = this.#documents.get(kind);
    if (known) return known;
    const documents = new ExpiringMap<StoredValue>(this.#clock);
    this.#documents.set(kind, documents);
    return documents;
  }

  #holds(name: string, holder: string, epoch: number): boolean {
    const held = this.#leases.get(name);
    return held !== undefined && held.value.holder === holder && held.value.epoch === epoch;
  }

  #isFenced(kind: DocumentKind, id: string, epoch: number | undefined): boolean {
    if (epoch === undefined) return false;
    const stored = this.#kind(kind).get(id)?.value.epoch;
    return stored !== undefined && stored > epoch;
  }

  #remainingMs(expiresAtMs: number): number {
    return Math.ceil(expiresAtMs - this.#clock.monotonicMs());
  }

  #noteChange(kind: DocumentKind): void {
    if (persistentKinds.includes(kind)) this.#file?.changed(this.#snapshot);
  }

  readonly #snapshot = (): StoredDocument[] => {
    const toWallMs = this.#clock.wallMs() - this.#clock.monotonicMs();
    const documents: StoredDocument[] = [];
    for (const kind of persistentKinds) {
      for (const [id, { value, expiresAtMs }] of this.#kind(kind).live()) {
        documents.push({
          kind,
          id,
          value: JSON.parse(value.json) as Json,
          ...(value.epoch === undefined ? {} : { epoch: value.epoch }),
          ...(Number.isFinite(expiresAtMs) ? { expiresAtMs: Math.ceil(expiresAtMs + toWallMs) } : {}),
        });
      }
    }
    return documents;
  };

  #sweep(): void {
    this.#leases.sweep(sweepEntries);
    for (const documents of this.#documents.values()) documents.sweep(sweepEntries);
    this.#blobs.sweep(sweepEntries);
  }

  #assertOpen(): void {
    if (this.#closed) throw new LegacyStreamError('LS_CLOSED', 'the store is closed');
  }
}

function assertTtl(ttlMs: number): void {
  if (!(ttlMs > 0 && ttlMs < Number.POSITIVE_INFINITY)) {
    throw new LegacyStreamError('LS_PARAMETER_INVALID', 'a time to live must be above 0 ms and finite');
  }
}

function encode(value: Json): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    throw new LegacyStreamError('LS_PARAMETER_INVALID', 'a document must be JSON', { cause });
  }
  if (json === undefined) throw new LegacyStreamError('LS_PARAMETER_INVALID', 'a document must be JSON');
  return json;
}
