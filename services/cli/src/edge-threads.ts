/**
 * The edge threads of a process: started one after another, restarted when one crashes —
 * its listeners come back, those of the others notice nothing — and closed together.
 */
import { availableParallelism } from 'node:os';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Clock } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import type { PortHub } from '@legacystream/runtime/message-port/port-hub.ts';
import type { MetricsSnapshot } from '@legacystream/runtime/metrics.ts';
import type { EdgeThreadData, FromThread, OpenPorts, ToThread } from './edge-thread-messages.ts';
import { drains, type PodRole } from './pod-role.ts';

const script = new URL('./edge-thread.ts', import.meta.url);
const startTimeoutMs = 15_000;
const metricsTimeoutMs = 2_000;
const closeTimeoutMs = 6_000;
/** From the thread to whoever waits for it. */
const forwardMs = 2_000;
/** A thread that keeps crashing is started again ever more slowly; after a calm minute it counts as new. */
const restartDelaysMs = [100, 500, 2_000, 10_000];
const calmAfterMs = 60_000;

export function threadCountOf(settings: Settings): number {
  const { workerThreads } = settings.server;
  return workerThreads === 'auto' ? availableParallelism() : workerThreads;
}

export type EdgeThreadsDeps = {
  readonly role: PodRole;
  readonly firstListenerId: number;
  readonly settings: Settings;
  readonly hub: PortHub;
  readonly clock: Clock;
  readonly log: Log;
  readonly podId: string;
  readonly server: string;
};

export class EdgeThreads {
  /** Threads that crashed and were started again. */
  restarts = 0;
  readonly #deps: EdgeThreadsDeps;
  readonly #workers = new Map<number, Worker>();
  #ports: OpenPorts | undefined;
  #requests = 0;
  #closing = false;

  constructor(deps: EdgeThreadsDeps) {
    this.#deps = deps;
  }

  /** The longest that {@link close} takes: threads of an edge send their listeners away first. */
  get closeTimeoutMs(): number {
    const { role, settings } = this.#deps;
    const drainMs = drains(role) ? (settings.edge.drainDelay + settings.edge.drainTime) * 1000 : 0;
    return closeTimeoutMs + drainMs + forwardMs;
  }

  get isOpen(): boolean {
    return this.#ports !== undefined;
  }

  get http(): number {
    return this.#ports?.http ?? this.#deps.settings.server.httpPort;
  }

  get shoutcast(): number | undefined {
    return this.#ports?.shoutcast;
  }

  get https(): number | undefined {
    return this.#ports?.https;
  }

  get count(): number {
    return this.#workers.size;
  }

  /** @throws LegacyStreamError LS_LISTEN_FAILED when a thread cannot open its ports */
  async open(count: number): Promise<void> {
    // The first one settles the port numbers where any free ones were asked for.
    this.#ports = await this.#start(1);
    for (let index = 2; index <= count; index += 1) await this.#start(index);
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#workers.values()].map((worker) => this.#end(worker)));
  }

  drain(on: boolean): void {
    for (const worker of this.#workers.values()) this.#tell(worker, { type: 'drain', on });
  }

  reopen(): void {
    for (const worker of this.#workers.values()) this.#tell(worker, { type: 'reopen' });
  }

  /** What every thread that answers in time counts. */
  async snapshots(): Promise<MetricsSnapshot[]> {
    const id = ++this.#requests;
    const answers = [...this.#workers.values()].map((worker) =>
      this.#heard(worker, metricsTimeoutMs, (message) =>
        message.type === 'metrics' && message.id === id ? message.snapshot : undefined,
      ),
    );
    for (const worker of this.#workers.values()) this.#tell(worker, { type: 'metrics', id });
    return (await Promise.all(answers)).filter((snapshot) => snapshot !== undefined);
  }

  async #start(index: number, crashes = 0): Promise<OpenPorts> {
    const { role, firstListenerId, settings, hub, clock, log, podId, server } = this.#deps;
    const { port1, port2 } = new MessageChannel();
    hub.serve(port1);
    const data: EdgeThreadData = {
      role,
      firstListenerId,
      settings: this.#ports ? withPorts(settings, this.#ports) : settings,
      podId: `${podId}-${index}`,
      server,
      index,
      port: port2,
    };
    const startedMs = clock.monotonicMs();
    const worker = new Worker(script, { workerData: data, transferList: [port2] });
    this.#workers.set(index, worker);
    worker.on('error', (error) => log.error('thread.crashed', { thread: index, error }));
    worker.once('exit', () => {
      port1.close();
      this.#workers.delete(index);
      if (this.#closing || !this.isOpen) return;
      const isCalm = clock.monotonicMs() - startedMs >= calmAfterMs;
      this.#restart(index, isCalm ? 0 : crashes);
    });
    const outcome = await this.#heard(worker, startTimeoutMs, (message) =>
      message.type === 'ready' || message.type === 'failed' ? message : undefined,
    );
    if (outcome?.type === 'ready') return outcome.ports;
    const reason = outcome?.type === 'failed' ? outcome.message : `edge thread ${index} did not start`;
    await worker.terminate();
    throw new LegacyStreamError('LS_LISTEN_FAILED', reason);
  }

  #restart(index: number, crashes: number): void {
    this.restarts += 1;
    const delayMs = restartDelaysMs[Math.min(crashes, restartDelaysMs.length - 1)]!;
    this.#deps.clock.after(delayMs, () => {
      if (this.#closing) return;
      this.#start(index, crashes + 1).then(
        () => this.#deps.log.info('thread.restarted', { thread: index }),
        // A thread that does not come up exits, and so is started again.
        (error: unknown) => this.#deps.log.error('thread.failed', { thread: index, error }),
      );
    });
  }

  async #end(worker: Worker): Promise<void> {
    const closed = this.#heard(worker, this.closeTimeoutMs - forwardMs, (message) =>
      message.type === 'closed' ? true : undefined,
    );
    this.#tell(worker, { type: 'close' });
    if (!(await closed)) await worker.terminate();
  }

  /** What `pick` finds in the thread's messages; undefined when the thread goes or takes too long. */
  #heard<T>(
    worker: Worker,
    timeoutMs: number,
    pick: (message: FromThread) => T | undefined,
  ): Promise<T | undefined> {
    return new Promise((resolve) => {
      const settle = (value: T | undefined) => {
        timer.cancel();
        worker.off('message', onMessage).off('exit', onExit);
        resolve(value);
      };
      const onMessage = (message: FromThread) => {
        const picked = pick(message);
        if (picked !== undefined) settle(picked);
      };
      const onExit = () => settle(undefined);
      const timer = this.#deps.clock.after(timeoutMs, onExit);
      worker.on('message', onMessage).once('exit', onExit);
    });
  }

  #tell(worker: Worker, message: ToThread): void {
    worker.postMessage(message);
  }
}

function withPorts(settings: Settings, ports: OpenPorts): Settings {
  const { http, shoutcast, https } = ports;
  const server = {
    ...settings.server,
    httpPort: http,
    shoutcastPort: shoutcast ?? 'off',
    ...(https && { httpsPort: https }),
  };
  return { ...settings, server: server as Settings['server'] };
}
