/**
 * Listeners on bad lines beside good ones: some take nothing, some take a quarter, some
 * stop and then take everything. The good ones must not notice, memory must stay bounded,
 * and whoever is moved to live must hear whole frames and right titles.
 *
 * The kernel takes some megabytes for a connection before its server can see that nobody
 * reads, so the stream has a megabit a second: what takes minutes at 128 kb/s happens
 * within one window.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type CountingFormat, countingFormats } from '../../support/counting-frames.ts';
import type { BenchContext } from '../bench-context.ts';
import { Listeners, ordinary } from '../listeners.ts';
import { addCounts, noCounts } from '../load/frame-checker.ts';
import type { JoinRequest } from '../load/listener-group.ts';
import { rssBytes, watchUsage } from '../process-usage.ts';
import { budget, figureOf, type Round } from '../result.ts';
import { measureRounds } from '../rounds.ts';
import type { ServerName } from '../servers/bench-server.ts';
import { Station } from '../station.ts';
import type { Scenario } from './scenario.ts';

const format = wideFormat(1_368);
const bytesPerSecond = (format.frameBytes * 1_000) / format.frameMs;
const framesPerWrite = 4;
const maxQueueBytes = 256 * 1_024;
/** Until what a server keeps of the stream for newcomers, rings and histories, is as long as it gets. */
const ringMs = 95_000;
const calmSeconds = 4;
/** Long enough for the kernel's buffers to be full and for the server's bound to be passed. */
const stutter = { kind: 'stutter', readMs: 3_000, pauseMs: 45_000 } as const;
/** In which those that were cut off notice it. */
const wakeMs = 2_000;
/** One in five is slow. */
const slowShare = 0.2;

/** Counting frames of AAC of another length: thirteen bits of the header. */
function wideFormat(frameBytes: number): CountingFormat {
  const header = Uint8Array.from(countingFormats.largeAac.header);
  header[3] = (header[3]! & ~3) | (frameBytes >> 11);
  header[4] = (frameBytes >> 3) & 0xff;
  header[5] = (header[5]! & 0x1f) | ((frameBytes & 7) << 5);
  return { ...countingFormats.largeAac, header, frameBytes };
}

async function measureSlow(bench: BenchContext, name: ServerName): Promise<Round & { version: string }> {
  const station = await Station.open(bench, name, { maxQueueBytes, source: { format, framesPerWrite } });
  const { server } = station;
  const good = Listeners.start(bench);
  const bad = Listeners.start(bench);
  const goodCount = bench.options.listeners;
  const badCount = Math.max(10, Math.round(goodCount * slowShare));
  const common = { ...ordinary, port: server.port, format };
  await good.joinAll({ ...common, group: 'good', count: goodCount });
  await server.settle();
  await sleep(ringMs);

  await good.mark('good');
  const calmUsage = await watchUsage(server.pid, calmSeconds);
  const calm = await good.report('good');
  const calmRss = rssBytes(server.pid);

  const groups: readonly (Partial<JoinRequest> & { readonly group: string; readonly share: number })[] = [
    { group: 'frozen', share: 0.5, habit: { kind: 'none' } },
    {
      group: 'quarter',
      share: 0.2,
      habit: { kind: 'slow', bytesPerSecond: bytesPerSecond / 4 },
      checkers: 4,
    },
    { group: 'stutter', share: 0.15, habit: stutter },
    { group: 'stutter-icy', share: 0.15, habit: stutter, icy: true },
  ];
  for (const { share, ...request } of groups) {
    await bad.joinAll({ ...common, count: Math.max(1, Math.round(badCount * share)), ...request });
  }
  await good.mark('good');
  const usage = await watchUsage(server.pid, bench.windowSeconds);
  const after = await good.report('good');
  for (const { group } of groups) await bad.wake(group);
  await sleep(wakeMs);
  const reports = await Promise.all(groups.map(({ group }) => bad.report(group)));
  const counters = await server.counters();
  await Promise.all([good.end(), bad.end()]);
  await station.close();

  const slowChecks = noCounts();
  for (const { checks } of reports) addCounts(slowChecks, checks);
  const perListener = (cpuSeconds: number, elapsedSeconds: number) =>
    (cpuSeconds * 1e6) / (goodCount * elapsedSeconds);
  return {
    version: server.version,
    figures: {
      calmCpuUsPerListenerSecond: perListener(calmUsage.cpuSeconds, calmUsage.elapsedSeconds),
      cpuUsPerListenerSecond: perListener(usage.cpuSeconds, usage.elapsedSeconds),
      calmGapMaxMs: calm.gapMs.max,
      gapP99Ms: after.gapMs.p99,
      gapMaxMs: after.gapMs.max,
      rssGrowthBytesPerSlow: (usage.peakRssBytes - calmRss) / badCount,
      slowListeners: badCount,
      slowDropped: reports.reduce((sum, { dropped }) => sum + dropped, 0),
      ...(counters.periodMs === undefined ? {} : { periodMs: counters.periodMs }),
      ...(counters.skips === undefined ? {} : { skips: counters.skips, cuts: counters.cuts ?? 0 }),
    },
    checks: after.checks,
    slowChecks,
    dropped: after.dropped,
  };
}

export const slowClients: Scenario = {
  name: 'slow-clients',
  summary: 'good listeners beside frozen and slow ones',
  defaults: { listeners: 1_000, seconds: 195 },
  hasWindows: true,
  headline: 'gapMaxMs',
  measure: (bench) => measureRounds(bench, ['ours', 'icecast'], (name) => measureSlow(bench, name)),
  budgets: ({ ours }) => {
    const period = figureOf(ours, 'periodMs') ?? 1_000;
    return [
      ...budget('gap of good listeners', figureOf(ours, 'gapMaxMs'), period + 200, 'ms'),
      ...budget('memory for each slow one', figureOf(ours, 'rssGrowthBytesPerSlow'), maxQueueBytes, 'bytes'),
    ];
  },
};
