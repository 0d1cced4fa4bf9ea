/**
 * The connection of a store to Redis, whatever its form: it comes and goes in the background,
 * tells whether it is there, and gives every call a deadline.
 *
 * Without a connection calls reject at once. A server that holds the connection but does not
 * answer counts as away: commands time out, and a probe notices it while nothing is asked.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { Cluster, type Redis } from 'ioredis';
import {
  type ClientOptions,
  createRedisClient,
  defaultPatience,
  type RedisClient,
  retryDelayMs,
} from './redis-client.ts';
import type { RedisScript } from './redis-script.ts';
import { describeTrouble, isConsequence, isReply, isTimeout, unavailable } from './store-error.ts';

/** Counts since the store was opened. */
export type StoreStats = {
  readonly commands: number;
  /** Calls that rejected with LS_STORE_UNAVAILABLE, those in time and those not. */
  readonly failures: number;
  readonly timeouts: number;
  readonly reconnects: number;
  /** Documents and blobs that were left out because they are none. */
  readonly malformed: number;
  /** Leases that were granted but that no replica confirmed in time, though there is one. */
  readonly unreplicated: number;
};

export type StoreStatus = { readonly connected: boolean; readonly reason?: string };

export type ConnectionOptions = ClientOptions & {
  readonly clock: Clock;
  /** Told of `connected` at the beginning and of its every change. */
  readonly onStatus: ((status: StoreStatus) => void) | undefined;
  /** Calls that wait for an answer at the same time; more would wait in vain. */
  readonly maxPendingCalls?: number;
};

type Mutable<T> = { -readonly [key in keyof T]: T[key] };
type ScriptClient = { [name: string]: (...args: (string | number)[]) => Promise<unknown> };

const settleTimeoutMs = 1000;
const probePeriodMs = 2000;
const replicaWaitMs = 100;
/** Beyond the wait itself, for asking whether there is a replica. */
const replicaTimeoutMs = 300;
const closeTimeoutMs = 1000;
const defaultMaxPendingCalls = 2000;

export class RedisConnection {
  readonly stats: Mutable<StoreStats> = {
    commands: 0,
    failures: 0,
    timeouts: 0,
    reconnects: 0,
    malformed: 0,
    unreplicated: 0,
  };
  readonly #client: RedisClient;
  readonly #clock: Clock;
  readonly #callTimeoutMs: number;
  readonly #maxPendingCalls: number;
  readonly #onStatus: ((status: StoreStatus) => void) | undefined;
  readonly #probe: Timer;
  #revival: Timer | undefined;
  #ended = 0;
  #wasReady = false;
  /** False from a command that timed out until one is answered. */
  #answers = true;
  #reported: boolean | undefined;
  #trouble = 'it has not been reached yet';
  #pendingCalls = 0;
  #closing: Promise<void> | undefined;

  constructor(options: ConnectionOptions, client = createRedisClient(options)) {
    this.#clock = options.clock;
    this.#callTimeoutMs = (options.patience ?? defaultPatience).callMs;
    this.#maxPendingCalls = options.maxPendingCalls ?? defaultMaxPendingCalls;
    this.#onStatus = options.onStatus;
    this.#client = client;
    this.#probe = this.#clock.every(probePeriodMs, () => this.#ask());
    this.#follow();
  }

  get connected(): boolean {
    return this.#closing === undefined && this.#client.status === 'ready' && this.#answers;
  }

  /** Resolves when there is a connection, or after a second. */
  async settle(): Promise<void> {
    if (this.connected) return;
    let onReady = (): void => {};
    const ready = new Promise<void>((resolve) => {
      onReady = resolve;
      this.#client.once('ready', onReady);
    });
    await this.#within(settleTimeoutMs, ready).catch(() => {});
    this.#client.off('ready', onReady);
    this.#report();
  }

  /** Runs what a call has to ask. @throws LegacyStreamError LS_STORE_UNAVAILABLE or LS_CLOSED */
  async call<T>(ask: () => Promise<T>): Promise<T> {
    this.assertOpen();
    try {
      if (this.#client.status !== 'ready') throw unavailable(undefined, this.#trouble);
      if (this.#pendingCalls >= this.#maxPendingCalls)
        throw unavailable(undefined, 'too many calls wait for it');
      this.#pendingCalls++;
      try {
        const answer = await this.#within(this.#callTimeoutMs, ask());
        this.#noteAnswer(true);
        return answer;
      } finally {
        this.#pendingCalls--;
      }
    } catch (error) {
      throw this.#failure(error);
    }
  }

  run(script: RedisScript, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    this.stats.commands++;
    const count = script.numberOfKeys === undefined ? [keys.length] : [];
    return (this.#client as unknown as ScriptClient)[script.name]!(...count, ...keys, ...args);
  }

  /** Undefined for keys that are not there or hold something else than a text. */
  async texts(keys: readonly string[]): Promise<(string | undefined)[]> {
    this.stats.commands++;
    return (await this.#client.mget([...keys])).map((text) => text ?? undefined);
  }

  /** Undefined for a key that is not there or holds something else. The bytes may be part of a larger buffer. */
  async bytes(key: string): Promise<Uint8Array | undefined> {
    this.stats.commands++;
    const [bytes] = await this.#client.mgetBuffer([key]);
    return bytes ?? undefined;
  }

  async setBytes(key: string, data: Uint8Array, ttlMs: string): Promise<void> {
    this.stats.commands++;
    // The client knows bytes only as a Buffer; this is one on the same memory.
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    await this.#client.set(key, bytes, 'PX', ttlMs);
  }

  /** Waits a moment for a replica to have what was written; never rejects. */
  async waitForReplica(key: string): Promise<void> {
    const ask = async (): Promise<void> => {
      // A key goes along so that in a cluster the node is asked that has it.
      this.stats.commands += 2;
      const [, info] = (await this.#client.pipeline().exists(key).info('replication').exec()) ?? [];
      if (!/^connected_slaves:[1-9]/m.test(String(info?.[1]))) return;
      this.stats.commands += 2;
      const [, wait] = (await this.#client.pipeline().exists(key).wait(1, replicaWaitMs).exec()) ?? [];
      if (wait?.[1] === 0) this.stats.unreplicated++;
    };
    await this.#within(replicaTimeoutMs, ask()).catch(() => {});
  }

  assertOpen(): void {
    if (this.#closing) throw new LegacyStreamError('LS_CLOSED', 'the store is closed');
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#probe.cancel();
    this.#revival?.cancel();
    const { status } = this.#client;
    const ended = new Promise<void>((resolve) => this.#client.once('end', resolve));
    this.#client.disconnect();
    if (status === 'ready') await this.#within(closeTimeoutMs, ended).catch(() => {});
  }

  #follow(): void {
    this.#client.on('ready', () => {
      if (this.#wasReady) this.stats.reconnects++;
      this.#wasReady = true;
      this.#ended = 0;
      this.#trouble = 'the connection was lost';
      this.#noteAnswer(true);
    });
    const note = (error: unknown): void => {
      if (!isConsequence(error)) this.#trouble = describeTrouble(error);
    };
    this.#client.on('error', note);
    if (this.#client instanceof Cluster) this.#client.on('node error', note);
    this.#client.on('close', () => this.#report());
    this.#client.on('end', () => this.#revive());
  }

  /**
   * A failover that is announced while the client looks for the primary ends the client for
   * good; so may other accidents. A store that is open tries again.
   */
  #revive(): void {
    this.#report();
    if (this.#closing || this.#revival) return;
    this.#revival = this.#clock.after(retryDelayMs(++this.#ended), () => {
      this.#revival = undefined;
      if (!this.#closing && this.#client.status === 'end') this.#client.connect().catch(() => {});
    });
  }

  /** Asks every primary for a sign of life: a connection that owes an answer is given up in time. */
  #ask(): void {
    if (this.#client.status !== 'ready') return;
    const nodes: readonly Redis[] =
      this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client];
    for (const node of nodes) {
      node.ping().then(
        () => this.#noteAnswer(true),
        (error: unknown) => this.#noteAnswer(isReply(error)),
      );
    }
  }

  #noteAnswer(answered: boolean): void {
    // Of a cluster, one node that is silent leaves most of it usable.
    this.#answers = answered || this.#client instanceof Cluster;
    this.#report();
  }

  #report(): void {
    const { connected } = this;
    if (connected === this.#reported || this.#closing) return;
    this.#reported = connected;
    try {
      this.#onStatus?.(connected ? { connected } : { connected, reason: this.#trouble });
    } catch {
      // A listener that throws is not the connection's trouble.
    }
  }

  #failure(error: unknown): LegacyStreamError {
    if (this.#closing) return new LegacyStreamError('LS_CLOSED', 'the store is closed', { cause: error });
    this.stats.failures++;
    if (isTimeout(error)) {
      this.stats.timeouts++;
      this.#trouble = describeTrouble(error);
      this.#noteAnswer(false);
    }
    if (error instanceof LegacyStreamError) return error;
    return unavailable(error, isConsequence(error) ? this.#trouble : describeTrouble(error));
  }

  /** Rejects like a command that timed out. */
  #within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(timeoutMs, () => reject(new Error('Command timed out')));
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}
