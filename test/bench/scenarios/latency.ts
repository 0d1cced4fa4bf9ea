/** What a server adds between a frame that an encoder sends and the same frame at a listener, with few of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { countingFormats } from '../../support/counting-frames.ts';
import type { BenchContext } from '../bench-context.ts';
import { Listeners, ordinary } from '../listeners.ts';
import { budget, figureOf, type Round } from '../result.ts';
import { measureRounds } from '../rounds.ts';
import type { ServerName } from '../servers/bench-server.ts';
import { Station } from '../station.ts';
import { distribution } from '../statistics.ts';
import type { Scenario } from './scenario.ts';

const group = 'listeners';

async function measureLatency(bench: BenchContext, name: ServerName): Promise<Round & { version: string }> {
  const station = await Station.open(bench, name);
  const { server } = station;
  const listeners = Listeners.start(bench);
  const count = bench.options.listeners;
  const format = countingFormats.mp3At128;
  await listeners.joinAll({
    ...ordinary,
    group,
    count,
    port: server.port,
    checkers: count,
    format,
    arrivals: true,
  });
  await server.settle();
  await listeners.mark(group);
  await sleep(bench.windowSeconds * 1_000);
  const report = await listeners.report(group);
  const sentUs = new Map(await station.takeStamps());
  const addedMs = report.arrivals.flatMap(([number, arrivedUs]) => {
    const stamp = sentUs.get(number);
    return stamp === undefined ? [] : (arrivedUs - stamp) / 1_000;
  });
  await listeners.end();
  await station.close();
  const added = distribution(addedMs);
  return {
    version: server.version,
    figures: {
      addedP50Ms: added.p50,
      addedP99Ms: added.p99,
      addedMaxMs: added.max,
      framesTimed: addedMs.length,
      clientDelayMaxMs: report.clientDelayMs,
    },
    checks: report.checks,
    dropped: report.dropped,
  };
}

export const latency: Scenario = {
  name: 'latency',
  summary: 'time added between encoder and listener, with few listeners',
  defaults: { listeners: 20, seconds: 30 },
  hasWindows: true,
  headline: 'addedP99Ms',
  measure: (bench) => measureRounds(bench, ['ours', 'icecast'], (name) => measureLatency(bench, name)),
  budgets: ({ ours }) => budget('added p99', figureOf(ours, 'addedP99Ms'), 150, 'ms'),
};
