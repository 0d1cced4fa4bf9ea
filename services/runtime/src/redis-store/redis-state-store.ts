/**
 * The store of several pods (port `StateStore`) in Redis or Valkey: one server, a primary
 * that Sentinels watch, or a cluster.
 *
 * Every change is one script, so that it happens whole or not at all. A grant waits a moment
 * for a replica, which narrows what a failover can lose; what it loses nevertheless, the
 * epochs survive, because they follow the wall clock. While Redis is away calls reject with
 * LS_STORE_UNAVAILABLE at once, and within about a second when it is there but silent, those
 * for blobs within two and a half.
 */
import type { Clock } from '@legacystream/core/clock.ts';
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
import { assertBlob } from '../blob-limit.ts';
import * as documents from './document-scripts.ts';
import { encodeDocument, encodeEpoch, parseDocument } from './document-text.ts';
import * as leases from './lease-scripts.ts';
import { RedisBlobs } from './redis-blobs.ts';
import type { SentinelUser, StoreTls } from './redis-client.ts';
import { RedisConnection, type StoreStats, type StoreStatus } from './redis-connection.ts';
import type { RedisScript } from './redis-script.ts';
import { encodeKeyPart, StoreKeys } from './store-keys.ts';
import { parseStoreUrl } from './store-url.ts';

export type RedisStateStoreOptions = {
  /** See store-url.ts. */
  readonly url: string;
  readonly clock: Clock;
  /** Begins every key; stations that share a Redis differ in it. */
  readonly keyPrefix?: string;
  /** Instead of the one in the URL. */
  readonly password?: string;
  readonly tls?: StoreTls;
  readonly sentinelUser?: SentinelUser;
  /** Told of `connected` at the beginning and of its every change; the reason is fit for operators. */
  readonly onStatus?: (status: StoreStatus) => void;
};

const epochTtlMs = 30 * 24 * 3_600_000;
/** Longer times to live would overflow what Redis counts with. */
const maxTtlMs = 100 * 365 * 24 * 3_600_000;
const maxListed = 10_000;
const documentsPerRead = 200;
/** Stale places of an index that one listing repairs. */
const maxRepaired = 100;

export class RedisStateStore implements StateStore {
  readonly #connection: RedisConnection;
  readonly #blobs: RedisBlobs;
  readonly #clock: Clock;
  readonly #keys: StoreKeys;
  /** Epochs of this process go on from here even if Redis and the wall clock both step back. */
  #latestEpoch = 0;

  private constructor(options: RedisStateStoreOptions) {
    const address = parseStoreUrl(options.url);
    if (options.tls && !address.tls) {
      throw new LegacyStreamError(
        'LS_CONFIG_INVALID',
        'the store has TLS settings, but its URL does not begin with rediss',
      );
    }
    this.#clock = options.clock;
    this.#keys = new StoreKeys(options.keyPrefix ?? 'ls:');
    const connection = {
      address: { ...address, password: options.password ?? address.password },
      tls: options.tls,
      sentinelUser: options.sentinelUser,
      scripts: [...leases.leaseScripts, ...documents.documentScripts],
      clock: options.clock,
      onStatus: options.onStatus,
    };
    this.#connection = new RedisConnection(connection);
    this.#blobs = new RedisBlobs(connection);
  }

  /**
   * A store that is connected, or, when Redis is not there within about a second, one that
   * goes on trying. @throws LegacyStreamError LS_CONFIG_INVALID
   */
  static async open(options: RedisStateStoreOptions): Promise<RedisStateStore> {
    const store = new RedisStateStore(options);
    await store.#connection.settle();
    return store;
  }

  get connected(): boolean {
    return this.#connection.connected;
  }

  get stats(): StoreStats {
    const { stats } = this.#connection;
    const blobs = this.#blobs.stats;
    if (!blobs) return stats;
    return {
      commands: stats.commands + blobs.commands,
      failures: stats.failures + blobs.failures,
      timeouts: stats.timeouts + blobs.timeouts,
      reconnects: stats.reconnects + blobs.reconnects,
      malformed: stats.malformed + blobs.malformed,
      unreplicated: stats.unreplicated,
    };
  }

  async acquireLease(
    name: string,
    holder: string,
    ttlMs: number,
    options: { readonly steal?: boolean } = {},
  ): Promise<LeaseGrant | LeaseRefusal> {
    const keys = this.#keys.lease(name);
    const ttl = this.#ttl(ttlMs);
    const floor = Math.max(Math.ceil(this.#clock.wallMs()), this.#latestEpoch + 1);
    const reply = await this.#run(leases.acquireLease, keys, [
      JSON.stringify(holder),
      ttl,
      options.steal ? '1' : '',
      String(floor),
      String(epochTtlMs),
    ]);
    const [granted, epochText, heldBy, leftMs] = asList(reply);
    const epoch = asEpoch(epochText);
    if (granted !== 1) {
      return { granted: false, holder: asHolder(heldBy), epoch, remainingMs: asRemaining(leftMs) };
    }
    this.#latestEpoch = Math.max(this.#latestEpoch, epoch);
    await this.#connection.waitForReplica(keys[0]);
    return { granted: true, epoch };
  }

  async renewLease(name: string, holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    const args = [leaseText(holder, epoch), this.#ttl(ttlMs), String(epochTtlMs)];
    return (await this.#run(leases.renewLease, this.#keys.lease(name), args)) === 1;
  }

  async releaseLease(name: string, holder: string, epoch: number): Promise<boolean> {
    const [lease] = this.#keys.lease(name);
    return (await this.#run(leases.releaseLease, [lease], [leaseText(holder, epoch)])) === 1;
  }

  async readLease(name: string): Promise<LeaseView | undefined> {
    const [lease] = this.#keys.lease(name);
    const [text, leftMs] = asList(await this.#run(leases.readLease, [lease], []));
    const match = /^(\d+)\n(.+)$/.exec(String(text ?? ''));
    if (!match || typeof leftMs !== 'number' || leftMs < 0) return undefined;
    return { holder: asHolder(match[2]), epoch: asEpoch(match[1]), remainingMs: asRemaining(leftMs) };
  }

  async putDocument(
    kind: DocumentKind,
    id: string,
    value: Json,
    options: DocumentOptions = {},
  ): Promise<boolean> {
    const { member, keys } = this.#document(kind, id);
    const ttl = options.ttlMs === undefined ? '' : this.#ttl(options.ttlMs);
    this.#connection.assertOpen();
    const args = [encodeDocument(id, value, options.epoch), encodeEpoch(options.epoch), ttl, member];
    return (await this.#run(documents.putDocument, keys, args)) === 1;
  }

  async getDocument(kind: DocumentKind, id: string): Promise<Json | undefined> {
    const { member, keys } = this.#document(kind, id);
    const [text] = await this.#connection.call(() => this.#connection.texts([keys[0]]));
    return this.#parse(text, member)?.value;
  }

  async claimDocument(
    kind: DocumentKind,
    id: string,
    { epoch, ttlMs }: { readonly epoch: number; readonly ttlMs: number },
  ): Promise<Json | undefined> {
    const { member, keys } = this.#document(kind, id);
    const args = [encodeDocument(id, null, epoch), encodeEpoch(epoch), this.#ttl(ttlMs), member];
    const text = await this.#run(documents.claimDocument, keys, args);
    return typeof text === 'string' ? this.#parse(text, member)?.value : undefined;
  }

  /** At most 10 000 documents, those that live longest. */
  async listDocuments(kind: DocumentKind): Promise<ReadonlyMap<string, Json>> {
    const index = this.#keys.index(kind);
    const { members, texts } = await this.#connection.call(async () => {
      const reply = await this.#connection.run(documents.listMembers, [index], [String(maxListed)]);
      const members = asList(reply).map(String);
      const reads: Promise<(string | undefined)[]>[] = [];
      for (let from = 0; from < members.length; from += documentsPerRead) {
        const page = members.slice(from, from + documentsPerRead);
        reads.push(this.#connection.texts(page.map((member) => this.#keys.document(kind, member))));
      }
      return { members, texts: (await Promise.all(reads)).flat() };
    });
    const listed = new Map<string, Json>();
    const missing: string[] = [];
    members.forEach((member, place) => {
      const text = texts[place];
      if (text === undefined) missing.push(member);
      const document = this.#parse(text, member);
      if (document) listed.set(document.id, document.value);
    });
    if (missing.length > 0) await this.#forget(kind, missing.slice(0, maxRepaired));
    return listed;
  }

  async removeDocument(
    kind: DocumentKind,
    id: string,
    options: { readonly epoch?: number } = {},
  ): Promise<boolean> {
    const { member, keys } = this.#document(kind, id);
    const args = [encodeEpoch(options.epoch), member];
    return (await this.#run(documents.removeDocument, keys, args)) === 1;
  }

  async raisePeak(id: string, value: number): Promise<number> {
    this.#connection.assertOpen();
    if (!Number.isFinite(value))
      throw new LegacyStreamError('LS_PARAMETER_INVALID', 'a peak must be a finite number');
    const { member, keys } = this.#document('peak', id);
    const args = [encodeDocument(id, value, undefined), String(value), member];
    return Number(await this.#run(documents.raisePeak, keys, args));
  }

  async putBlob(
    group: string,
    name: string,
    data: Uint8Array,
    options: { readonly ttlMs: number },
  ): Promise<void> {
    const ttl = this.#ttl(options.ttlMs);
    assertBlob(data);
    await this.#blobs.put(this.#keys.blob(group, name), data, ttl);
  }

  async getBlob(group: string, name: string): Promise<Uint8Array | undefined> {
    this.#connection.assertOpen();
    return this.#blobs.get(this.#keys.blob(group, name));
  }

  async close(): Promise<void> {
    await Promise.all([this.#connection.close(), this.#blobs.close()]);
  }

  #run(script: RedisScript, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.#connection.call(() => this.#connection.run(script, keys, args));
  }

  #document(kind: DocumentKind, id: string): { member: string; keys: readonly [string, string] } {
    const member = encodeKeyPart(id);
    return { member, keys: [this.#keys.document(kind, member), this.#keys.index(kind)] };
  }

  #parse(text: string | undefined, member: string): { id: string; value: Json } | undefined {
    if (text === undefined) return undefined;
    const document = parseDocument(text);
    if (document && encodeKeyPart(document.id) === member) return document;
    this.#connection.stats.malformed++;
    return undefined;
  }

  /** What was evicted or deleted by hand leaves its place in the index; this is only tidying. */
  async #forget(kind: DocumentKind, members: readonly string[]): Promise<void> {
    const keys = [this.#keys.index(kind), ...members.map((member) => this.#keys.document(kind, member))];
    await this.#run(documents.forgetMissing, keys, members).catch(() => {});
  }

  #ttl(ttlMs: number): string {
    this.#connection.assertOpen();
    if (!(ttlMs > 0 && ttlMs < Number.POSITIVE_INFINITY)) {
      throw new LegacyStreamError('LS_PARAMETER_INVALID', 'a time to live must be above 0 ms and finite');
    }
    return String(Math.min(Math.ceil(ttlMs), maxTtlMs));
  }
}

function leaseText(holder: string, epoch: number): string {
  return `${epoch}\n${JSON.stringify(holder)}`;
}

function asList(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}

function asEpoch(text: unknown): number {
  const epoch = Number(text);
  if (Number.isSafeInteger(epoch)) return epoch;
  throw new LegacyStreamError('LS_STORE_UNAVAILABLE', 'the store gave an answer that makes no sense');
}

/** Whoever wrote what is no JSON, it is a name to show. */
function asHolder(text: unknown): string {
  try {
    return String(JSON.parse(String(text)));
  } catch {
    return String(text);
  }
}

function asRemaining(leftMs: unknown): number {
  return Math.max(1, Number(leftMs));
}
