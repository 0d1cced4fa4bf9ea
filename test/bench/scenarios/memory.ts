/**
 * Resident memory: for each listener without and with titles, for one mount, and for a
 * thousand that nobody listens to any more. With --soak it is watched for longer, and the
 * line through the samples must be flat.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { countingFormats } from '../../support/counting-frames.ts';
import type { BenchContext } from '../bench-context.ts';
import { Listeners, ordinary } from '../listeners.ts';
import { rssBytes, sampleRss } from '../process-usage.ts';
import { budget, type Figures, figureOf, type Round } from '../result.ts';
import { measureRounds } from '../rounds.ts';
import type { ServerName } from '../servers/bench-server.ts';
import { Station } from '../station.ts';
import { slope } from '../statistics.ts';
import type { Scenario } from './scenario.ts';

const group = 'listeners';
const settleMs = 3_000;
/** What fills the ring of a mount, which has a minute. */
const ringMs = 58_000;
/** Longer than a channel is kept for listeners who may come back. */
const idleMs = 35_000;
/** Encoders that send next to nothing: what counts is the mounts, not their audio. */
const idleSpeed = 0.02;
const idleHeadStartMs = 250;
const format = countingFormats.mp3At128;

type Kept = { readonly station: Station; readonly listeners: Listeners };

async function openWithListeners(bench: BenchContext, name: ServerName, icy: boolean): Promise<Kept> {
  const station = await Station.open(bench, name);
  await sleep(settleMs);
  station.markIdle();
  const listeners = Listeners.start(bench);
  const { server } = station;
  await listeners.joinAll({
    ...ordinary,
    group,
    count: bench.options.listeners,
    port: server.port,
    perSecond: server.joinsPerSecond,
    icy,
    format,
  });
  await server.settle();
  await sleep(settleMs);
  return { station, listeners };
}

async function close({ station, listeners }: Kept): Promise<void> {
  await listeners.end();
  await station.close();
}

/** One mount with a full ring, after another has warmed the server up. */
async function measureOneMount(bench: BenchContext, name: ServerName): Promise<Figures> {
  const station = await Station.start(bench, name);
  const { server } = station;
  const listeners = Listeners.start(bench);
  const listenTo = async (path: string, audioMs: number) => {
    await station.goOnAir({ mounts: [path] });
    await sleep(audioMs);
    const request = { ...ordinary, group: path, count: 1, paths: [path], checkers: 0, port: server.port };
    await listeners.joinAll(request);
    await sleep(settleMs);
  };
  await listenTo('/warm', 0);
  await station.goOffAir();
  const before = rssBytes(server.pid);
  await listenTo('/cold', ringMs);
  const rssBytesOneMount = rssBytes(server.pid) - before;
  await close({ station, listeners });
  return { rssBytesOneMount };
}

/** Mounts that each had a listener once. */
async function measureIdleMounts(bench: BenchContext, name: ServerName): Promise<Figures> {
  const count = bench.options.mounts;
  const mounts = Array.from({ length: count }, (_, i) => `/idle-${i}`);
  const station = await Station.start(bench, name);
  const { server, idleRssBytes } = station;
  await station.goOnAir({ mounts, speed: idleSpeed, headStartMs: idleHeadStartMs });
  // As long as after the listeners, so that what grows by itself is not taken for theirs.
  await sleep(idleMs);
  const onAir = rssBytes(server.pid);
  const listeners = Listeners.start(bench);
  await listeners.joinAll({ ...ordinary, group, count, paths: mounts, checkers: 0, port: server.port });
  const heard = rssBytes(server.pid);
  await listeners.leave(group);
  await sleep(idleMs);
  const forgotten = rssBytes(server.pid);
  await close({ station, listeners });
  return {
    rssBytesMountsOnAir: onAir - idleRssBytes,
    rssBytesMountsHeard: heard - onAir,
    rssBytesMountsIdle: forgotten - onAir,
  };
}

async function measureMemory(
  bench: BenchContext,
  name: ServerName,
  round: number,
): Promise<Round & { version: string }> {
  const { listeners: count, soakSeconds } = bench.options;
  const figures: Record<string, number> = {};
  const plain = await openWithListeners(bench, name, false);
  const { server } = plain.station;
  const growth = (kept: Kept) => rssBytes(kept.station.server.pid) - kept.station.idleRssBytes;
  figures['rssBytesPerListener'] = growth(plain) / count;
  if (soakSeconds > 0 && round === 0) {
    bench.say(`watching for ${soakSeconds} s`);
    figures['soakBytesPerMinute'] = slope(await sampleRss(server.pid, soakSeconds)) * 60;
  }
  const report = await plain.listeners.report(group);
  await close(plain);
  const icy = await openWithListeners(bench, name, true);
  figures['rssBytesPerIcyListener'] = growth(icy) / count;
  await close(icy);
  if (round === 0) {
    Object.assign(figures, await measureOneMount(bench, name));
    bench.say(`${bench.options.mounts} idle mounts`);
    Object.assign(figures, await measureIdleMounts(bench, name));
  }
  return { version: server.version, figures, checks: report.checks, dropped: report.dropped };
}

const mebibyte = 1024 ** 2;

export const memory: Scenario = {
  name: 'memory',
  summary: 'resident memory for listeners and mounts',
  defaults: { listeners: 9_000, mounts: 1_000 },
  hasWindows: false,
  headline: 'rssBytesPerListener',
  measure: (bench) =>
    measureRounds(bench, ['ours', 'icecast'], (name, round) => measureMemory(bench, name, round)),
  budgets: ({ ours }) => [
    ...budget('each listener', figureOf(ours, 'rssBytesPerListener'), 10 * 1_024, 'bytes'),
    ...budget('each listener with titles', figureOf(ours, 'rssBytesPerIcyListener'), 10 * 1_024, 'bytes'),
    ...budget('one mount', figureOf(ours, 'rssBytesOneMount'), 2 * mebibyte, 'bytes'),
    ...budget('all idle mounts', figureOf(ours, 'rssBytesMountsIdle'), 50 * mebibyte, 'bytes'),
    ...budget('growth while watched, a minute', figureOf(ours, 'soakBytesPerMinute'), mebibyte, 'bytes'),
  ],
};
