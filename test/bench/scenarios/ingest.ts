/** What hundreds of encoders cost while hardly anybody listens. */
import { setTimeout as sleep } from 'node:timers/promises';
import { countingFormats } from '../../support/counting-frames.ts';
import type { BenchContext } from '../bench-context.ts';
import { Listeners, ordinary } from '../listeners.ts';
import { watchUsage } from '../process-usage.ts';
import { budget, figureOf, type Round } from '../result.ts';
import { measureRounds } from '../rounds.ts';
import { profileDuring } from '../server-profile.ts';
import type { ServerName } from '../servers/bench-server.ts';
import { Station } from '../station.ts';
import type { Scenario } from './scenario.ts';

const group = 'listeners';
const settleMs = 2_000;
/** About 100 ms, as encoders that fill a packet send them. */
const framesPerWrite = 4;

async function measureIngest(bench: BenchContext, name: ServerName): Promise<Round & { version: string }> {
  const count = bench.options.sources;
  const format = countingFormats.mp3At128;
  const mounts = Array.from({ length: count }, (_, i) => `/ingest-${i}`);
  const station = await Station.open(bench, name, { source: { mounts, framesPerWrite, headStartMs: 2_000 } });
  const { server, idleRssBytes } = station;
  const listeners = Listeners.start(bench);
  const watched = Math.min(bench.options.listeners, count);
  const paths = mounts.filter((_, i) => i % Math.ceil(count / watched) === 0);
  await listeners.joinAll({
    ...ordinary,
    group,
    count: paths.length,
    paths,
    port: server.port,
    checkers: paths.length,
    format,
  });
  await sleep(settleMs);
  await listeners.mark(group);
  const usage = await profileDuring(bench, server, () => watchUsage(server.pid, bench.windowSeconds));
  const report = await listeners.report(group);
  const { onAir, unsentBytes } = await station.sourceState();
  await listeners.end();
  await station.close();
  const share = usage.cpuSeconds / usage.elapsedSeconds;
  return {
    version: server.version,
    figures: {
      coreShare: share,
      cpuUsPerSourceSecond: (share * 1e6) / count,
      rssBytesPerSource: (usage.rssBytes - idleRssBytes) / count,
      sourcesOnAir: onAir,
      unsentBytes,
    },
    checks: report.checks,
    dropped: report.dropped,
  };
}

export const ingest: Scenario = {
  name: 'ingest',
  summary: 'hundreds of encoders at 128 kb/s',
  defaults: { sources: 500, listeners: 8, seconds: 30 },
  hasWindows: true,
  headline: 'coreShare',
  measure: (bench) => measureRounds(bench, ['ours', 'icecast'], (name) => measureIngest(bench, name)),
  budgets: ({ ours }) => budget('share of a core', figureOf(ours, 'coreShare'), 0.6, 'cores'),
};
