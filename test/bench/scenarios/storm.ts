/**
 * Thousands who come within seconds and all leave at once: who is refused, how long the
 * first byte takes, and what those notice who were listening before.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { countingFormats } from '../../support/counting-frames.ts';
import type { BenchContext } from '../bench-context.ts';
import { Listeners, ordinary } from '../listeners.ts';
import { watchUsage } from '../process-usage.ts';
import { budget, figureOf, type Round } from '../result.ts';
import { measureRounds } from '../rounds.ts';
import type { ServerName } from '../servers/bench-server.ts';
import { Station } from '../station.ts';
import type { Scenario } from './scenario.ts';

const watcherCount = 200;
const calmSeconds = 3;
const afterSeconds = 4;
const connectTimeoutMs = 10_000;

async function measureStorm(bench: BenchContext, name: ServerName): Promise<Round & { version: string }> {
  const { listeners: count, rate } = bench.options;
  const station = await Station.open(bench, name);
  const { server } = station;
  const watchers = Listeners.start(bench);
  const storm = Listeners.start(bench);
  const common = { ...ordinary, port: server.port, format: countingFormats.mp3At128 };
  await watchers.joinAll({ ...common, group: 'watchers', count: watcherCount });
  await server.settle();

  /** What the watchers notice of it. */
  const watched = async (action: () => Promise<unknown>) => {
    await watchers.mark('watchers');
    await action();
    return watchers.report('watchers');
  };
  const calm = await watched(() => sleep(calmSeconds * 1_000));
  const seconds = count / rate + afterSeconds;
  const usage = watchUsage(server.pid, seconds);
  let joined = { refused: 0, failed: 0, timedOut: 0, firstByteMs: { p50: 0, p99: 0, max: 0 }, onAir: 0 };
  const coming = await watched(async () => {
    joined = await storm.join({
      ...common,
      group: 'storm',
      count,
      perSecond: rate,
      timeoutMs: connectTimeoutMs,
      totalTimeoutMs: (count / rate) * 1_000 + connectTimeoutMs,
    });
    await usage;
  });
  const { periodMs } = await server.counters();
  await storm.mark('storm');
  await sleep(1_000);
  const settled = await storm.report('storm');
  const leaving = await watched(async () => {
    await storm.leave('storm');
    await sleep(afterSeconds * 1_000);
  });
  await Promise.all([storm.end(), watchers.end()]);
  await station.close();
  const bytes = settled.bytes / (Math.max(1, settled.onAir) * settled.elapsedSeconds);
  return {
    version: server.version,
    figures: {
      refused: joined.refused + joined.failed,
      timedOut: joined.timedOut,
      onAir: joined.onAir,
      firstByteP50Ms: joined.firstByteMs.p50,
      firstByteP99Ms: joined.firstByteMs.p99,
      firstByteMaxMs: joined.firstByteMs.max,
      calmGapMaxMs: calm.gapMs.max,
      stormGapP50Ms: coming.gapMs.p50,
      stormGapMaxMs: coming.gapMs.max,
      leaveGapMaxMs: leaving.gapMs.max,
      clientDelayMaxMs: Math.max(coming.clientDelayMs, leaving.clientDelayMs),
      stormCoreShare: (await usage).cpuSeconds / (await usage).elapsedSeconds,
      bytesPerListenerSecond: bytes,
      ...(periodMs === undefined ? {} : { periodMs }),
    },
    checks: sumOf(leaving.checks, settled.checks),
    dropped: leaving.dropped + settled.dropped,
  };
}

function sumOf<T extends Readonly<Record<string, number>>>(a: T, b: T): T {
  return Object.fromEntries(Object.entries(a).map(([name, value]) => [name, value + b[name]!])) as T;
}

export const storm: Scenario = {
  name: 'storm',
  summary: 'many who come within seconds and leave at once',
  defaults: { listeners: 10_000, rate: 2_000 },
  hasWindows: false,
  headline: 'firstByteP99Ms',
  measure: (bench) => measureRounds(bench, ['ours', 'icecast'], (name) => measureStorm(bench, name)),
  budgets: ({ ours }) => {
    const period = figureOf(ours, 'periodMs') ?? 1_000;
    return [
      ...budget('refused or not answered', sum(figureOf(ours, 'refused'), figureOf(ours, 'timedOut')), 0, ''),
      ...budget('first byte p99', figureOf(ours, 'firstByteP99Ms'), 1_000, 'ms'),
      ...budget('gap of those on air while they come', figureOf(ours, 'stormGapMaxMs'), period + 200, 'ms'),
      ...budget('gap of those on air when they leave', figureOf(ours, 'leaveGapMaxMs'), period + 200, 'ms'),
    ];
  },
};

function sum(...values: readonly (number | undefined)[]): number | undefined {
  return values.reduce((total, value) =>
    total === undefined || value === undefined ? undefined : total + value,
  );
}
