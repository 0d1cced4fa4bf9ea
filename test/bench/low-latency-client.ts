/** The load client of low latency HLS: as many listeners as it is told, and how late each hears of a part. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LowLatencyListener, type LowLatencyOwner, type PartNumber } from './load/low-latency-listener.ts';
import { distribution } from './statistics.ts';
import { serveCommands } from './worker-commands.ts';

export type LowLatencyRequest = {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly count: number;
  readonly perSecond: number;
};

export type LowLatencyReport = {
  readonly onAir: number;
  readonly requests: number;
  readonly bytes: number;
  readonly firstFailure: string | undefined;
  /** How long after the first listener that heard of a part the others did. */
  readonly lateMs: { readonly p50: number; readonly p99: number; readonly max: number };
};

const joinSliceMs = 20;
const maxLates = 2_000_000;

const listeners = new Set<LowLatencyListener>();
/** When the first heard of each part. */
const firstHeardMs = new Map<string, number>();
let lates: number[] = [];
let requests = 0;
let bytes = 0;
let firstFailure: string | undefined;

function heard({ segment, part }: PartNumber): void {
  requests += 1;
  const nowMs = performance.now();
  const key = `${segment}.${part}`;
  const firstMs = firstHeardMs.get(key);
  if (firstMs === undefined) firstHeardMs.set(key, nowMs);
  if (lates.length < maxLates) lates.push(nowMs - (firstMs ?? nowMs));
}

async function join({ host, port, path, count, perSecond }: LowLatencyRequest): Promise<void> {
  const startMs = performance.now();
  for (let i = 0; i < count; ) {
    const due = Math.min(count, Math.ceil(((performance.now() - startMs) * perSecond) / 1_000) + 1);
    for (; i < due; i += 1) {
      const owner: LowLatencyOwner = {
        heard,
        got: (length) => {
          requests += 1;
          bytes += length;
        },
        failed: (why) => {
          firstFailure ??= why;
          listeners.delete(listener);
        },
      };
      const listener = new LowLatencyListener(host, port, path, owner);
      listeners.add(listener);
    }
    await sleep(joinSliceMs);
  }
}

serveCommands({
  join,
  /** What counts is what comes from now on. */
  mark: () => {
    firstHeardMs.clear();
    lates = [];
    requests = 0;
    bytes = 0;
  },
  report: (): LowLatencyReport => ({
    onAir: listeners.size,
    requests,
    bytes,
    firstFailure,
    lateMs: distribution(lates),
  }),
  leave: () => {
    for (const listener of listeners) listener.close();
    listeners.clear();
  },
});
