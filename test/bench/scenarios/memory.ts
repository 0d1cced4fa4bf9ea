/**
 * Resident memory: for each listener without and with titles, for a mount that gets its first
 * listener, and for a thousand that nobody listens to any more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { countingFormats } from '../../support/counting-frames.ts';
import type { BenchContext } from '../bench-context.ts';
import { Listeners, ordinary } from '../listeners.ts';
import { rssBytes } from '../process-usage.ts';
import { budget, type Figures, figureOf, type Round } from '../result.ts';
import { measureRounds } from '../rounds.ts';
import type { ServerName } from '../servers/bench-server.ts';
import { Station } from '../station.ts';
import type { Scenario } from './scenario.ts';

const group = 'listeners';
const settleMs = 3_000;
/** What fills the ring of a mount, which has a minute. */
const ringMs = 58_000;
/** Longer than a channel is kept for listeners who may come back, and until the server gives memory back. */
const idleMs = 110_000;
/** Encoders that send next to nothing: what counts is the mounts, not their audio. */
const idleSpeed = 0.02;
const idleHeadStartMs = 250;
const coldMounts = 20;
const leastShare = 0.8;
const format = countingFormats.mp3At128;

type Kept = { readonly station: Station; readonly listeners: Listeners; readonly count: number };

async function openWithListeners(bench: BenchContext, name: ServerName, icy: boolean): Promise<Kept> {
  const station = await Station.open(bench, name);
  await sleep(settleMs);
  station.markIdle();
  const listeners = Listeners.start(bench);
  const { server } = station;
  const joined = await listeners.join({
    ...ordinary,
    group,
    count: bench.options.listeners,
    port: server.port,
    perSecond: server.joinsPerSecond,
    icy,
    format,
  });
  // What one listener takes does not depend on those whom Icecast's accept queue has lost.
  if (joined.onAir < bench.options.listeners * (name === 'icecast' ? leastShare : 1)) {
    throw new Error(`only ${joined.onAir} listeners came on air`);
  }
  await server.settle();
  await sleep(settleMs);
  return { station, listeners, count: joined.onAir };
}

async function close({ station, listeners }: Omit<Kept, 'count'>): Promise<void> {
  await listeners.end();
  await station.close();
}

/**
 * Mounts that get their first listener, when as many others have been listened to for as long
 * as it takes to fill their rings: what the server needs to serve at all is there by then.
 */
async function measureColdMounts(bench: BenchContext, name: ServerName): Promise<Figures> {
  const paths = (kind: string) => Array.from({ length: coldMounts }, (_, i) => `/${kind}-${i}`);
  const station = await Station.start(bench, name);
  const { server } = station;
  const listeners = Listeners.start(bench);
  await station.goOnAir({ mounts: [...paths('warm'), ...paths('cold')] });
  const listenTo = async (kind: string) => {
    const request = { ...ordinary, group: kind, count: coldMounts, paths: paths(kind), checkers: 0 };
    await listeners.joinAll({ ...request, port: server.port });
    await sleep(ringMs);
  };
  await listenTo('warm');
  const before = rssBytes(server.pid);
  await listenTo('cold');
  const rssBytesColdMount = (rssBytes(server.pid) - before) / coldMounts;
  await close({ station, listeners });
  return { rssBytesColdMount };
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
    rssBytesMountsHeard: heard - idleRssBytes,
    rssBytesMountsIdle: forgotten - idleRssBytes,
  };
}

async function measureMemory(
  bench: BenchContext,
  name: ServerName,
  round: number,
): Promise<Round & { version: string }> {
  const figures: Record<string, number> = {};
  const plain = await openWithListeners(bench, name, false);
  const { server } = plain.station;
  const each = (kept: Kept) => (rssBytes(kept.station.server.pid) - kept.station.idleRssBytes) / kept.count;
  figures['rssBytesPerListener'] = each(plain);
  const report = await plain.listeners.report(group);
  await close(plain);
  const icy = await openWithListeners(bench, name, true);
  figures['rssBytesPerIcyListener'] = each(icy);
  await close(icy);
  if (round === 0) {
    Object.assign(figures, await measureColdMounts(bench, name));
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
    measureRounds(bench, ['ours', 'edge', 'icecast'], (name, round) => measureMemory(bench, name, round)),
  budgets: ({ ours, edge }) => [
    ...budget('each listener', figureOf(ours, 'rssBytesPerListener'), 10 * 1_024, 'bytes'),
    ...budget('each listener with titles', figureOf(ours, 'rssBytesPerIcyListener'), 10 * 1_024, 'bytes'),
    ...budget(
      'a mount with its first listener, an edge',
      figureOf(edge, 'rssBytesColdMount'),
      2 * mebibyte,
      'bytes',
    ),
    ...budget('all idle mounts, an edge', figureOf(edge, 'rssBytesMountsIdle'), 50 * mebibyte, 'bytes'),
  ],
};
