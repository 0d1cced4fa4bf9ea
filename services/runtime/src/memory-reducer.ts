/**
 * Gives memory back after bursts of work. V8 collects what is garbage as new objects are
 * made, and keeps the pages for more; a server that has just let a thousand rings go may make
 * few for hours, and stays as large as it was. So, when the process has grown since it was last
 * collected, or much that was in use then is not any more, and there is nothing much to do, it
 * is collected here.
 *
 * Needs `--expose-gc` (decision 11); without it nothing happens.
 */
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import type { Clock, Timer } from '@legacystream/core/clock.ts';

const checkEveryMs = 10_000;
/** A collection takes some 2 ms for each MB of objects: this seldom, that is nothing. */
const leastIntervalMs = 60_000;
const leastChangeBytes = 16 * 1024 * 1024;
const leastChangeShare = 0.08;
/** Of objects; more would hold up listeners for too long at once. V8 collects them in steps. */
const largestHeapBytes = 64 * 1024 * 1024;
/** A busy process makes new objects, and V8 collects by itself. */
const busyShare = 0.3;

/** In bytes. */
type Memory = { readonly rss: number; readonly heapUsed: number; readonly external: number };

export type MemoryReducerDeps = {
  readonly clock: Clock;
  /** What is resident of the process; what the objects of this thread take, and the buffers that they hold. */
  readonly memory?: () => Memory;
  /** The share of time that the event loop was busy since it was last asked, 0 to 1. */
  readonly busy?: () => number;
  readonly collect?: (() => void) | undefined;
};

export class MemoryReducer {
  readonly #clock: Clock;
  readonly #memory: () => Memory;
  readonly #busy: () => number;
  readonly #collect: () => void;
  readonly #timer: Timer | undefined;
  /** The least that was resident since the last collection. */
  #leastRss: number;
  /** After the last collection: objects and buffers that were in use. */
  #inUse: number;
  #collectedMs: number;
  /** What was let go may have been the last to hold more: that is collected at the next check. */
  #isOnceMore = false;

  constructor(deps: MemoryReducerDeps) {
    const { clock, memory = process.memoryUsage, busy = busyMeter(), collect = collector() } = deps;
    this.#clock = clock;
    this.#memory = memory;
    this.#busy = busy;
    this.#collect = () => collect?.();
    const { rss, heapUsed, external } = memory();
    this.#leastRss = rss;
    this.#inUse = heapUsed + external;
    this.#collectedMs = clock.monotonicMs();
    if (collect) this.#timer = clock.every(checkEveryMs, () => this.#check());
  }

  close(): void {
    this.#timer?.cancel();
  }

  #check(): void {
    const isBusy = this.#busy() > busyShare;
    const { rss, heapUsed, external } = this.#memory();
    this.#leastRss = Math.min(this.#leastRss, rss);
    if (isBusy || heapUsed > largestHeapBytes) return;
    const change = Math.max(rss - this.#leastRss, this.#inUse - heapUsed - external);
    const nowMs = this.#clock.monotonicMs();
    if (!this.#isOnceMore) {
      if (change < Math.max(leastChangeBytes, this.#leastRss * leastChangeShare)) return;
      if (nowMs - this.#collectedMs < leastIntervalMs) return;
    }
    if (!this.#isOnceMore) this.#collectedMs = nowMs;
    this.#isOnceMore = !this.#isOnceMore;
    this.#collect();
    const after = this.#memory();
    // Pages go back to the system a little later.
    this.#leastRss = after.rss;
    this.#inUse = after.heapUsed + after.external;
  }
}

/** Of V8's ways to collect only the last resort gives pages back to the system. */
function collector(): (() => void) | undefined {
  const { gc } = globalThis;
  return gc && (() => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' }));
}

function busyMeter(): () => number {
  let last: EventLoopUtilization = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
