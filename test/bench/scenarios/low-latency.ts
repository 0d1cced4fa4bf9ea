/**
 * Listeners of low latency HLS: parts of half a second of AAC in MP4, for each of which every
 * listener is held by a blocked playlist, answered when the part is there, and fetches it: four
 * requests a second each. There is no server to compare with that has it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { countingFormats } from '../../support/counting-frames.ts';
import type { BenchContext } from '../bench-context.ts';
import type { LowLatencyReport, LowLatencyRequest } from '../low-latency-client.ts';
import { cpuNs, rssBytes } from '../process-usage.ts';
import { budget, figureOf, type Round } from '../result.ts';
import { measureRounds } from '../rounds.ts';
import { profileDuring } from '../server-profile.ts';
import { Station } from '../station.ts';
import { WorkerProcess } from '../worker-process.ts';
import type { Scenario } from './scenario.ts';

/** Until there are segments enough to begin with. */
const firstSegmentsMs = 16_000;
const joinsPerSecond = 500;
const settleMs = 4_000;
const joinTimeoutMs = 60_000;

async function measureLowLatency(bench: BenchContext): Promise<Round & { version: string }> {
  const station = await Station.open(bench, 'ours', {
    source: { format: countingFormats.aacAt128, framesPerWrite: 4 },
  });
  const { server } = station;
  await sleep(firstSegmentsMs);
  station.markIdle();
  const client = WorkerProcess.start('low-latency-client.ts', 'load', bench.cleanup);
  const count = bench.options.listeners;
  const request: LowLatencyRequest = {
    host: '127.0.0.1',
    port: server.port,
    path: '/bench/playlist.m3u8',
    count,
    perSecond: joinsPerSecond,
  };
  await client.call('join', request, joinTimeoutMs);
  await sleep(settleMs);
  const figures = await profileDuring(bench, server, async () => {
    await client.call('mark');
    const startNs = cpuNs(server.pid);
    const startMs = performance.now();
    await sleep(bench.windowSeconds * 1_000);
    const elapsedSeconds = (performance.now() - startMs) / 1_000;
    const cpuSeconds = (cpuNs(server.pid) - startNs) / 1e9;
    const report = await client.call<LowLatencyReport>('report');
    if (report.onAir < count) throw new Error(`${report.onAir} of ${count} stayed: ${report.firstFailure}`);
    return {
      cpuUsPerListenerSecond: (cpuSeconds * 1e6) / (count * elapsedSeconds),
      rssBytesPerListener: (rssBytes(server.pid) - station.idleRssBytes) / count,
      bytesPerListenerSecond: report.bytes / (count * elapsedSeconds),
      requestsPerListenerSecond: report.requests / (count * elapsedSeconds),
      coreShare: cpuSeconds / elapsedSeconds,
      partLateP50Ms: report.lateMs.p50,
      partLateP99Ms: report.lateMs.p99,
      partLateMaxMs: report.lateMs.max,
      onAir: report.onAir,
    };
  });
  await client.call('leave');
  await client.end();
  await station.close();
  return { version: server.version, figures };
}

export const lowLatency: Scenario = {
  name: 'low-latency',
  summary: 'listeners of low latency HLS, each held for every part',
  defaults: { listeners: 1_000, seconds: 30 },
  hasWindows: true,
  headline: 'cpuUsPerListenerSecond',
  measure: (bench) => measureRounds(bench, ['ours'], () => measureLowLatency(bench)),
  budgets: ({ ours }) =>
    budget('a part at the last listeners, after the first, p99', figureOf(ours, 'partLateP99Ms'), 250, 'ms'),
};
