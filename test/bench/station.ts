/** A server under test that is on air: the server, and the encoders that feed it. */
import { countingFormats } from '../support/counting-frames.ts';
import type { BenchContext } from './bench-context.ts';
import { rssBytes } from './process-usage.ts';
import { type BenchServer, type ServerName, type StartOptions, Unavailable } from './servers/bench-server.ts';
import { startIcecast } from './servers/icecast.ts';
import { startNginx } from './servers/nginx.ts';
import { startOurEdge } from './servers/our-edge.ts';
import { startOurs } from './servers/ours.ts';
import { startSendLoop } from './servers/send-loop.ts';
import type { SourceRequest, SourceState } from './source-request.ts';
import { WorkerProcess } from './worker-process.ts';

const starters = {
  ours: startOurs,
  edge: startOurEdge,
  icecast: startIcecast,
  nginx: startNginx,
  sendLoop: startSendLoop,
};

/** What is on air unless a scenario says otherwise: one mount in real time, with a burst to give. */
const ordinarySource = {
  mounts: ['/bench'],
  format: countingFormats.mp3At128,
  headStartMs: 8_000,
  framesPerWrite: 1,
  speed: 1,
} as const;

const loginTimeoutMs = 120_000;

export type SourceOptions = Partial<Omit<SourceRequest, 'port' | 'user' | 'password'>>;

export class Station {
  readonly server: BenchServer;
  /** Resident memory before any listener came. */
  idleRssBytes: number;
  readonly #source: WorkerProcess | undefined;
  readonly #sourceOptions: SourceOptions;

  private constructor(server: BenchServer, source: WorkerProcess | undefined, options: SourceOptions) {
    this.server = server;
    this.#source = source;
    this.#sourceOptions = options;
    this.idleRssBytes = rssBytes(server.pid);
  }

  /** A server without anything on air. @throws Unavailable where there is no such server */
  static async start(
    bench: BenchContext,
    name: ServerName,
    options: StartOptions & { readonly source?: SourceOptions } = {},
  ): Promise<Station> {
    if (name === 'sendLoop' && options.tls) throw new Unavailable('the send loop speaks no TLS');
    const server = await starters[name](bench, options);
    const source = server.source ? WorkerProcess.start('source.ts', 'rest', bench.cleanup) : undefined;
    return new Station(server, source, options.source ?? {});
  }

  /** As {@link start}, with its encoders on air. */
  static async open(...args: Parameters<typeof Station.start>): Promise<Station> {
    const station = await Station.start(...args);
    await station.goOnAir();
    return station;
  }

  /** What is resident now is its own, and what comes is its listeners'. */
  markIdle(): void {
    this.idleRssBytes = rssBytes(this.server.pid);
  }

  async goOnAir(options: SourceOptions = {}): Promise<void> {
    const { source } = this.server;
    if (!source) return;
    const request: SourceRequest = { ...ordinarySource, ...this.#sourceOptions, ...options, ...source };
    await this.#source!.call('start', request, loginTimeoutMs);
  }

  /** The encoders fall silent; everybody stays connected. */
  async pause(): Promise<void> {
    if (this.#source) await this.#source.call('pause');
    else this.server.pause();
  }

  async resume(): Promise<void> {
    if (this.#source) await this.#source.call('resume');
    else this.server.resume();
  }

  /** The encoders leave. */
  async goOffAir(): Promise<void> {
    await this.#source?.call('stop');
  }

  sourceState(): Promise<SourceState> {
    if (!this.#source) return Promise.resolve({ onAir: 0, unsentBytes: 0 });
    return this.#source.call('state');
  }

  /** When each frame of the first mount was sent, since the last call: `[number, microseconds]`. */
  async takeStamps(): Promise<readonly (readonly [number, number])[]> {
    return (await this.#source?.call<[number, number][]>('takeStamps')) ?? [];
  }

  async close(): Promise<void> {
    await this.#source?.end();
    await this.server.stop();
  }
}
