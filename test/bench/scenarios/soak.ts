/**
 * A server that is watched for long while everything comes and goes: listeners with and without
 * titles, listeners of low latency HLS, titles, and an encoder of another mount. What is resident
 * must not grow, and those who stay must miss nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { countingFormats } from '../../support/counting-frames.ts';
import type { BenchContext } from '../bench-context.ts';
import { Listeners, ordinary } from '../listeners.ts';
import type { LowLatencyRequest } from '../low-latency-client.ts';
import { rssBytes } from '../process-usage.ts';
import { budget, figureOf, type Round } from '../result.ts';
import { measureRounds } from '../rounds.ts';
import type { SourceRequest } from '../source-request.ts';
import { Station } from '../station.ts';
import { slope } from '../statistics.ts';
import { WorkerProcess } from '../worker-process.ts';
import type { Scenario } from './scenario.ts';

const stayers = 'stayers';
const comingMount = '/coming';
const lapMs = 10_000;
/** Of those who stay, how many come in each lap. */
const comingShare = 0.25;
const lowLatencyListeners = 20;
/** Caches fill and code is compiled in the first part of the time. */
const warmUpShare = 1 / 3;
const mebibyte = 1024 ** 2;

async function measureSoak(bench: BenchContext): Promise<Round & { version: string }> {
  const station = await Station.open(bench, 'ours');
  const { server } = station;
  const listeners = Listeners.start(bench);
  const encoder = WorkerProcess.start('source.ts', 'rest', bench.cleanup);
  const players = WorkerProcess.start('low-latency-client.ts', 'load', bench.cleanup);
  const { port } = server;
  const count = bench.options.listeners;
  const coming = Math.max(2, Math.round(count * comingShare));
  await listeners.joinAll({ ...ordinary, group: stayers, count, port, format: countingFormats.mp3At128 });
  await listeners.mark(stayers);

  const samples: [number, number][] = [];
  const startMs = performance.now();
  const untilMs = startMs + bench.options.seconds * 1_000;
  let comings = 0;
  for (let lap = 0; performance.now() < untilMs; lap += 1) {
    const lapEndMs = Math.min(untilMs, startMs + (lap + 1) * lapMs);
    const source: SourceRequest = {
      ...server.source!,
      mounts: [comingMount],
      format: countingFormats.aacAt128,
      headStartMs: 8_000,
      framesPerWrite: 4,
      speed: 1,
    };
    await encoder.call('start', source);
    await server.setTitle('/bench', `Lap ${lap}`);
    const group = `lap-${lap}`;
    const request = { ...ordinary, group, count: coming, port, checkers: 0 };
    await listeners.join({ ...request, paths: ['/bench', comingMount], icy: lap % 2 === 0 });
    const player: LowLatencyRequest = {
      host: '127.0.0.1',
      port,
      path: `${comingMount}/playlist.m3u8`,
      count: lowLatencyListeners,
      perSecond: 100,
    };
    await players.call('join', player);
    comings += coming + lowLatencyListeners;
    while (performance.now() < lapEndMs) {
      await sleep(1_000);
      samples.push([(performance.now() - startMs) / 1_000, rssBytes(server.pid)]);
    }
    await listeners.leave(group);
    await players.call('leave');
    await encoder.call('stop');
  }
  const report = await listeners.report(stayers);
  const seconds = (performance.now() - startMs) / 1_000;
  await Promise.all([listeners.end(), encoder.end(), players.end()]);
  await station.close();
  const steady = samples.filter(([second]) => second >= seconds * warmUpShare);
  const resident = steady.map(([, bytes]) => bytes);
  return {
    version: server.version,
    figures: {
      soakBytesPerMinute: slope(steady) * 60,
      soakRssBytes: resident.at(-1) ?? 0,
      soakLargestRssBytes: Math.max(...resident),
      soakSeconds: seconds,
      comings,
      onAir: count - report.dropped,
    },
    checks: report.checks,
    dropped: report.dropped,
  };
}

export const soak: Scenario = {
  name: 'soak',
  summary: 'a server watched for long while everything comes and goes',
  defaults: { listeners: 500, seconds: 900, rounds: 1 },
  hasWindows: false,
  headline: 'soakBytesPerMinute',
  measure: (bench) => measureRounds(bench, ['ours'], () => measureSoak(bench)),
  budgets: ({ ours }) =>
    budget('growth a minute', figureOf(ours, 'soakBytesPerMinute'), mebibyte / 4, 'bytes'),
};
