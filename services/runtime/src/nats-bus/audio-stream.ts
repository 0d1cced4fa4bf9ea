/**
 * The JetStream stream that retains the tails of all audio subjects, in memory: created by
 * whoever is allowed to, brought to the configured settings, and created again when it is
 * lost, as it is when all servers restart. Without JetStream or without permission it says
 * so once and everything else goes on.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { NatsStatus, NatsStreamOptions } from './nats-bus-options.ts';
import { reasonOf } from './nats-link.ts';
import type { Answer, ReplyInbox } from './reply-inbox.ts';

export type AudioStreamOptions = NatsStreamOptions & {
  readonly clock: Clock;
  readonly inbox: ReplyInbox;
  readonly audioPrefix: string;
  readonly onStatus: (status: NatsStatus) => void;
  /** There is a stream that was not there before; what came earlier is not in it. */
  readonly onNew: () => void;
};

const requestMs = 5_000;
const checkEveryMs = 10_000;
const retriesMs = [250, 500, 1_000, 2_000, 5_000];
/** A server that could not give as many replicas as wanted is asked again this often. */
const growEveryMs = 60_000;
const defaultReplicas = 3;
/** Checks that fail before it is said. */
const patience = 3;
const nanosecondsPerMs = 1_000_000;

/** Error codes of the JetStream API. */
const notFound = 10059;
const nameInUse = 10058;
/** "no suitable peers", "insufficient resources", "replicas > 1 not supported in non-clustered mode". */
const tooManyReplicas: ReadonlySet<number> = new Set([10005, 10023, 10074]);

type Config = Record<string, unknown>;
type Reply = {
  readonly error?: { readonly err_code?: number; readonly description?: string };
  readonly config?: Config;
  readonly created?: string;
};

/** Nothing will change that before the next connection. */
class RefusedError extends Error {}

class ApiError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export class AudioStream {
  readonly #options: AudioStreamOptions;
  #timer: Timer | undefined;
  #isUp = false;
  #isChecking = false;
  #failures = 0;
  #created = '';
  #lastReason = '';
  /** Replicas in excess of one are not asked for before this time. */
  #growAtMs = Number.NEGATIVE_INFINITY;
  #clusterName: string | undefined;

  constructor(options: AudioStreamOptions) {
    this.#options = options;
  }

  /** @param cluster name of the NATS cluster, absent for a single server */
  connected(cluster: string | undefined): void {
    this.#isUp = true;
    this.#failures = 0;
    this.#clusterName = cluster;
    if (this.#options.manages ?? true) void this.#check();
  }

  disconnected(): void {
    this.#isUp = false;
    this.#timer?.cancel();
  }

  async #check(): Promise<void> {
    if (!this.#isUp || this.#isChecking) return;
    this.#isChecking = true;
    this.#timer?.cancel();
    let isRefused = false;
    try {
      await this.#ensure();
      this.#failures = 0;
      this.#lastReason = '';
    } catch (error) {
      this.#failures += 1;
      isRefused = error instanceof RefusedError && this.#isUp;
      this.#say(reasonOf(error), isRefused);
    }
    this.#isChecking = false;
    if (!this.#isUp || isRefused) return;
    const delayMs = retriesMs[this.#failures - 1] ?? checkEveryMs;
    this.#timer = this.#options.clock.after(delayMs, () => void this.#check());
  }

  /** A cluster that is still choosing its leader is no news. */
  #say(reason: string, atOnce: boolean): void {
    if (!this.#isUp || reason === this.#lastReason || (this.#failures < patience && !atOnce)) return;
    this.#lastReason = reason;
    this.#options.onStatus({ event: 'stream.unavailable', name: this.#options.name, reason });
  }

  async #ensure(): Promise<void> {
    let info: Reply;
    let isNew = false;
    try {
      info = await this.#call('INFO');
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== notFound) throw error;
      info = await this.#create();
      isNew = true;
    }
    await this.#adapt(info);
    const { created = '' } = info;
    isNew ||= this.#created !== '' && this.#created !== created;
    this.#created = created;
    if (isNew) this.#options.onNew();
  }

  async #create(): Promise<Reply> {
    const { name, onStatus } = this.#options;
    const wanted = this.#config();
    try {
      const info = await this.#callWithReplicas('CREATE', wanted);
      onStatus({ event: 'stream.created', name, replicas: Number(info.config?.['num_replicas']) });
      return info;
    } catch (error) {
      // Somebody else was faster, with other settings.
      if (error instanceof ApiError && error.code === nameInUse) return this.#call('INFO');
      throw error;
    }
  }

  async #adapt(info: Reply): Promise<void> {
    const { name, replicas, clock, onStatus } = this.#options;
    const current = info.config ?? {};
    const wanted = this.#config();
    const isSmaller = Number(current['num_replicas']) < Number(wanted['num_replicas']);
    // By itself it only grows, and does not insist.
    const mayGrow = isSmaller && clock.monotonicMs() >= this.#growAtMs;
    if (replicas === undefined && !mayGrow) wanted['num_replicas'] = current['num_replicas'];
    const differs = Object.keys(wanted).some(
      (key) => JSON.stringify(current[key] ?? false) !== JSON.stringify(wanted[key]),
    );
    if (!differs) return;
    const fallback = Number(current['num_replicas']) || 1;
    const updated = await this.#callWithReplicas('UPDATE', { ...current, ...wanted }, fallback);
    if (JSON.stringify(updated.config) === JSON.stringify(current)) return;
    onStatus({ event: 'stream.updated', name, replicas: Number(updated.config?.['num_replicas']) });
  }

  /** With fewer replicas where those wished for are not to be had. */
  async #callWithReplicas(operation: 'CREATE' | 'UPDATE', config: Config, fallback = 1): Promise<Reply> {
    try {
      return await this.#call(operation, config);
    } catch (error) {
      const isTooMany = error instanceof ApiError && tooManyReplicas.has(error.code);
      if (!isTooMany || this.#options.replicas !== undefined || config['num_replicas'] === fallback)
        throw error;
      this.#growAtMs = this.#options.clock.monotonicMs() + growEveryMs;
      return this.#call(operation, { ...config, num_replicas: fallback });
    }
  }

  #config(): Config {
    const { name, audioPrefix, maxAgeMs = 90_000, maxBytes = 256 * 1024 * 1024, replicas } = this.#options;
    const automatic = this.#clusterName === undefined ? 1 : defaultReplicas;
    return {
      name,
      subjects: [`${audioPrefix}>`],
      retention: 'limits',
      storage: 'memory',
      discard: 'old',
      max_age: maxAgeMs * nanosecondsPerMs,
      max_bytes: maxBytes,
      allow_direct: true,
      // Messages carry no id: the window in which ids are remembered can be short.
      duplicate_window: 1_000 * nanosecondsPerMs,
      no_ack: true,
      num_replicas: replicas ?? automatic,
    };
  }

  async #call(operation: 'INFO' | 'CREATE' | 'UPDATE', config?: Config): Promise<Reply> {
    const answer = await this.#request(
      `$JS.API.STREAM.${operation}.${this.#options.name}`,
      config ? JSON.stringify(config) : '',
    );
    if (answer.status === 503) throw new Error('JetStream is not enabled, or has no leader');
    const text = Buffer.from(answer.data.buffer, answer.data.byteOffset, answer.data.byteLength).toString();
    const reply = JSON.parse(text) as Reply | null;
    if (typeof reply !== 'object' || reply === null) throw new Error('JetStream answered nonsense');
    if (reply.error)
      throw new ApiError(Number(reply.error.err_code), String(reply.error.description ?? 'error'));
    return reply;
  }

  #request(subject: string, body: string): Promise<Answer> {
    const { clock, inbox } = this.#options;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        timer.cancel();
        stop();
      };
      const fail = (error: Error): void => {
        settle();
        reject(error);
      };
      const late = () => fail(new Error('JetStream did not answer in time'));
      const timer = clock.after(requestMs, late);
      const stop = inbox.ask(
        subject,
        Buffer.from(body),
        (answer) => {
          settle();
          resolve(answer);
        },
        () => fail(new RefusedError('this user may not manage streams')),
      );
    });
  }
}
