/**
 * What the kernel says of a process: CPU time of all its threads to the nanosecond, and
 * resident memory. Reading it costs the process nothing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** CPU time of all threads that are alive, in nanoseconds. */
export function cpuNs(pid: number): number {
  let total = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      total += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]);
    } catch {
      // A thread that has just ended.
    }
  }
  return total;
}

export function rssBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

export type UsageWindow = {
  readonly elapsedSeconds: number;
  readonly cpuSeconds: number;
  /** At the end of the window. */
  readonly rssBytes: number;
  readonly peakRssBytes: number;
};

const rssSampleMs = 250;

/** Watches a process for so long. */
export async function watchUsage(pid: number, seconds: number): Promise<UsageWindow> {
  const startMs = performance.now();
  const startNs = cpuNs(pid);
  let peak = rssBytes(pid);
  for (;;) {
    const leftMs = startMs + seconds * 1_000 - performance.now();
    if (leftMs <= 0) break;
    await sleep(Math.min(leftMs, rssSampleMs));
    peak = Math.max(peak, rssBytes(pid));
  }
  const cpuSeconds = (cpuNs(pid) - startNs) / 1e9;
  const elapsedSeconds = (performance.now() - startMs) / 1_000;
  return { elapsedSeconds, cpuSeconds, rssBytes: rssBytes(pid), peakRssBytes: peak };
}

/** One sample of resident memory a second: `[seconds, bytes]`. */
export async function sampleRss(pid: number, seconds: number): Promise<[number, number][]> {
  const startMs = performance.now();
  const samples: [number, number][] = [];
  for (let second = 0; second <= seconds; second += 1) {
    await sleep(Math.max(0, startMs + second * 1_000 - performance.now()));
    samples.push([second, rssBytes(pid)]);
  }
  return samples;
}
