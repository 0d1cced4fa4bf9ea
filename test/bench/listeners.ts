/** The listeners of one load client, from the side of those who send them. */

import type { BenchContext } from './bench-context.ts';
import type { CheckCounts } from './load/frame-checker.ts';
import type { GroupReport, JoinReport, JoinRequest } from './load/listener-group.ts';
import { WorkerProcess } from './worker-process.ts';

export type WatchReport = GroupReport & {
  /** Longest time in which the client itself did not come to read; gaps below it are its own. */
  readonly clientDelayMs: number;
};

const joinSlackMs = 15_000;

/** What most listeners have in common. They come at a rate that every server can follow. */
export const ordinary = {
  paths: ['/bench'],
  tls: false,
  icy: false,
  checkers: 8,
  habit: { kind: 'all' },
  perSecond: 500,
  timeoutMs: 40_000,
  totalTimeoutMs: 120_000,
} as const satisfies Partial<JoinRequest>;

export class Listeners {
  readonly #worker: WorkerProcess;

  private constructor(worker: WorkerProcess) {
    this.#worker = worker;
  }

  static start(bench: BenchContext): Listeners {
    return new Listeners(WorkerProcess.start('load-client.ts', 'load', bench.cleanup));
  }

  join(request: JoinRequest): Promise<JoinReport> {
    return this.#worker.call('join', request, request.totalTimeoutMs + joinSlackMs);
  }

  /** As {@link join}. @throws unless every one of them is on air */
  async joinAll(request: JoinRequest): Promise<JoinReport> {
    const report = await this.join(request);
    if (report.onAir < request.count) {
      throw new Error(`${report.onAir} of ${request.count} listeners came on air: ${JSON.stringify(report)}`);
    }
    return report;
  }

  mark(group: string): Promise<void> {
    return this.#worker.call('mark', group);
  }

  report(group: string): Promise<WatchReport> {
    return this.#worker.call('report', group);
  }

  wake(group: string): Promise<void> {
    return this.#worker.call('wake', group);
  }

  leave(group: string): Promise<void> {
    return this.#worker.call('leave', group);
  }

  end(): Promise<void> {
    return this.#worker.end();
  }
}

export type { CheckCounts };
