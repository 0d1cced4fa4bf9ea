/**
 * Listeners of one kind that come together, are watched together and leave together.
 * They come so many a second, whether or not those before them have been answered.
 */
import type { CountingFormat } from '../../support/counting-frames.ts';
import { monotonicUs } from '../monotonic-time.ts';
import { type Distribution, distribution } from '../statistics.ts';
import { addCounts, type CheckCounts, noCounts } from './frame-checker.ts';
import { LoadConnection } from './load-connection.ts';
import type { ReadingHabit } from './reading-habit.ts';

export type JoinRequest = {
  readonly group: string;
  readonly count: number;
  readonly port: number;
  /** Taken in turn. */
  readonly paths: readonly string[];
  readonly tls: boolean;
  readonly icy: boolean;
  /** The first so many of them are checked; without a format there is nothing to check. */
  readonly checkers: number;
  readonly format?: CountingFormat;
  readonly habit: ReadingHabit;
  readonly perSecond: number;
  /** For one connection, and for all of them. */
  readonly timeoutMs: number;
  readonly totalTimeoutMs: number;
  /** Checkers note when each frame came. */
  readonly arrivals?: boolean;
};

export type JoinReport = {
  readonly asked: number;
  readonly onAir: number;
  readonly refused: number;
  readonly timedOut: number;
  readonly failed: number;
  /** Reasons of those that were refused or failed, and how often. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly firstByteMs: Distribution;
  readonly elapsedMs: number;
};

export type GroupReport = {
  readonly onAir: number;
  readonly dropped: number;
  readonly bytes: number;
  readonly elapsedSeconds: number;
  /** Of each listener its longest time without a byte. */
  readonly gapMs: Distribution;
  readonly checked: number;
  readonly checks: CheckCounts;
  /** `[number of a frame, microseconds]`, if asked for when joining. */
  readonly arrivals: readonly (readonly [number, number])[];
};

const sourceAddresses = Array.from({ length: 8 }, (_, i) => `127.0.0.${i + 2}`);
const paceMs = 5;
const maxArrivals = 200_000;

export class ListenerGroup {
  readonly connections: LoadConnection[] = [];
  #arrivals: [number, number][] = [];
  #bytesBefore = 0;
  #markedMs = performance.now();

  async join(request: JoinRequest): Promise<JoinReport> {
    const startedMs = performance.now();
    const pending = new Set<LoadConnection>();
    const { count, perSecond, timeoutMs, totalTimeoutMs } = request;
    await new Promise<void>((resolve) => {
      const advance = () => {
        const elapsedMs = performance.now() - startedMs;
        for (const connection of pending) {
          // The oldest come first.
          if (performance.now() - connection.startedMs < timeoutMs) break;
          connection.timeOut();
        }
        const isLate = elapsedMs > totalTimeoutMs;
        const due = Math.ceil((elapsedMs / 1_000) * perSecond);
        while (!isLate && this.connections.length < Math.min(count, due)) {
          this.#connect(request, pending);
        }
        if (isLate) for (const connection of [...pending]) connection.timeOut();
        if (pending.size > 0 || (this.connections.length < count && !isLate)) return;
        clearInterval(timer);
        resolve();
      };
      const timer = setInterval(advance, paceMs);
    });
    return this.#joinReport(count, performance.now() - startedMs);
  }

  /** Measures from now on. */
  mark(): void {
    const nowMs = performance.now();
    this.#markedMs = nowMs;
    this.#bytesBefore = this.#bytes();
    this.#arrivals = [];
    for (const connection of this.connections) connection.mark(nowMs);
  }

  report(): GroupReport {
    const nowMs = performance.now();
    const live = this.connections.filter(({ state }) => state === 'on-air');
    const checks = noCounts();
    const checked = this.connections.filter(({ checker }) => checker !== undefined);
    for (const { checker } of checked) addCounts(checks, checker!.counts);
    return {
      onAir: live.length,
      dropped: this.connections.filter(({ state }) => state === 'dropped').length,
      bytes: this.#bytes() - this.#bytesBefore,
      elapsedSeconds: (nowMs - this.#markedMs) / 1_000,
      // The silence that lasts counts as well.
      gapMs: distribution(live.map(({ gapMs, lastReadMs }) => Math.max(gapMs, nowMs - lastReadMs))),
      checked: checked.length,
      checks,
      arrivals: this.#arrivals,
    };
  }

  /** All read everything from now on; those that were cut off meanwhile notice it only then. */
  wake(): void {
    for (const connection of this.connections) connection.wake();
  }

  leave(): void {
    for (const connection of this.connections) connection.leave();
    this.connections.length = 0;
    this.#bytesBefore = 0;
  }

  #connect(request: JoinRequest, pending: Set<LoadConnection>): void {
    const index = this.connections.length;
    const { port, paths, tls, icy, habit, format, checkers, arrivals } = request;
    const onFrame = (number: number) => {
      if (this.#arrivals.length < maxArrivals) this.#arrivals.push([number, monotonicUs()]);
    };
    const connection = new LoadConnection(
      {
        port,
        path: paths[index % paths.length]!,
        tls,
        icy,
        habit,
        localAddress: sourceAddresses[index % sourceAddresses.length]!,
        ...(format && index < checkers ? { check: arrivals ? { format, onFrame } : { format } } : {}),
      },
      (settled) => pending.delete(settled),
    );
    pending.add(connection);
    this.connections.push(connection);
  }

  #joinReport(asked: number, elapsedMs: number): JoinReport {
    const inState = (wanted: string) => this.connections.filter(({ state }) => state === wanted);
    const reasons: Record<string, number> = {};
    for (const { reason } of [...inState('refused'), ...inState('failed')]) {
      reasons[reason] = (reasons[reason] ?? 0) + 1;
    }
    const onAir = inState('on-air');
    return {
      asked,
      onAir: onAir.length,
      refused: inState('refused').length,
      timedOut: inState('timed-out').length + asked - this.connections.length,
      failed: inState('failed').length,
      reasons,
      firstByteMs: distribution(onAir.map(({ firstByteMs }) => firstByteMs)),
      elapsedMs,
    };
  }

  #bytes(): number {
    return this.connections.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
