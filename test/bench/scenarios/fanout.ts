/**
 * What a listener costs while nothing happens but audio: CPU time of the server for each
 * second of each listener, and resident memory. Plain, with ICY titles, and with TLS.
 *
 * Where the files of the machine allow it all servers keep their listeners over all
 * rounds, and those that are not measured are silent; else each round begins anew.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { countingFormats } from '../../support/counting-frames.ts';
import type { BenchContext } from '../bench-context.ts';
import { Listeners, ordinary } from '../listeners.ts';
import { type CheckCounts, noCounts, subtractCounts } from '../load/frame-checker.ts';
import { rssBytes, watchUsage } from '../process-usage.ts';
import { budget, figureOf, type Round } from '../result.ts';
import { measureRounds } from '../rounds.ts';
import { profileDuring } from '../server-profile.ts';
import { type ServerName, serverLabels, Unavailable } from '../servers/bench-server.ts';
import { Station } from '../station.ts';
import type { Scenario } from './scenario.ts';

type Kind = { readonly icy: boolean; readonly tls: boolean };

const group = 'listeners';
const leastShare = 0.8;
/** All servers together; above it each has the machine for itself. */
const maxKept = 12_000;
/** From when the encoder is on air; by then a server has taken its head start. */
const onAirMs = 500;
/** What a server has to catch up with after a silence is over within its longest period. */
const resumeMs = 1_100;

/** A server on air with all its listeners. */
type Lane = {
  readonly station: Station;
  readonly listeners: Listeners;
  readonly rssPerListener: number;
  /** What has been reported by earlier rounds. */
  reported: { checks: CheckCounts; dropped: number };
};

async function openLane(bench: BenchContext, name: ServerName, { icy, tls }: Kind): Promise<Lane> {
  const station = await Station.open(bench, name, { tls });
  const { server } = station;
  const listeners = Listeners.start(bench);
  await sleep(onAirMs);
  station.markIdle();
  const count = bench.options.listeners;
  const hasFrames = server.source !== undefined;
  const joined = await listeners.join({
    ...ordinary,
    group,
    count,
    port: server.port,
    tls,
    icy: icy && hasFrames,
    perSecond: server.joinsPerSecond,
    ...(hasFrames ? { format: countingFormats.mp3At128 } : {}),
  });
  // We have to take everybody; another server near its limit is measured with those it took.
  if (joined.onAir < count * (name === 'ours' ? 1 : leastShare)) {
    throw new Error(`${joined.onAir} of ${count} listeners came on air: ${JSON.stringify(joined)}`);
  }
  await server.settle();
  bench.say(`${serverLabels[name]}: ${joined.onAir} listeners on air`);
  const rssPerListener = (rssBytes(server.pid) - station.idleRssBytes) / joined.onAir;
  return { station, listeners, rssPerListener, reported: { checks: noCounts(), dropped: 0 } };
}

async function closeLane({ station, listeners }: Lane): Promise<void> {
  await listeners.end();
  await station.close();
}

async function measureLane(bench: BenchContext, lane: Lane, round: number): Promise<Round> {
  const { station, listeners } = lane;
  const { server } = station;
  await listeners.mark(group);
  const titled = server.setTitle('/bench', `Title of round ${round + 1}`);
  const usage = await profileDuring(bench, server, () => watchUsage(server.pid, bench.windowSeconds));
  await titled;
  const after = await listeners.report(group);
  const listenerSeconds = after.onAir * usage.elapsedSeconds;
  const checks = subtractCounts(after.checks, lane.reported.checks);
  const dropped = after.dropped - lane.reported.dropped;
  lane.reported = after;
  return {
    figures: {
      cpuUsPerListenerSecond: (usage.cpuSeconds * 1e6) / listenerSeconds,
      rssBytesPerListener: lane.rssPerListener,
      bytesPerListenerSecond: after.bytes / (after.onAir * after.elapsedSeconds),
      coreShare: usage.cpuSeconds / usage.elapsedSeconds,
      gapP99Ms: after.gapMs.p99,
      gapMaxMs: after.gapMs.max,
      onAir: after.onAir,
    },
    ...(after.checked > 0 ? { checks } : {}),
    dropped,
  };
}

async function measure(bench: BenchContext, kind: Kind) {
  const names: readonly ServerName[] = ['ours', 'icecast', 'sendLoop'];
  const isKept = bench.options.listeners * names.length <= maxKept;
  const lanes = new Map<ServerName, Lane | Unavailable>();
  if (isKept) {
    const opening = names.map(async (name) => {
      lanes.set(name, await openLane(bench, name, kind).catch(asUnavailable));
    });
    await Promise.all(opening);
    for (const lane of lanes.values()) if (!(lane instanceof Unavailable)) await lane.station.pause();
  }
  const measured = await measureRounds(bench, names, async (name, round) => {
    const lane = isKept ? lanes.get(name)! : await openLane(bench, name, kind);
    if (lane instanceof Unavailable) throw lane;
    if (isKept) {
      await lane.station.resume();
      await sleep(resumeMs);
    }
    const found = await measureLane(bench, lane, round);
    await (isKept ? lane.station.pause() : closeLane(lane));
    return { ...found, version: lane.station.server.version };
  });
  const closing = [...lanes.values()].map((lane) =>
    lane instanceof Unavailable ? undefined : closeLane(lane),
  );
  await Promise.all(closing);
  return measured;
}

function asUnavailable(error: unknown): Unavailable {
  if (error instanceof Unavailable) return error;
  throw error;
}

const scenario = (name: string, summary: string, kind: Kind, share: number, memoryKb: number): Scenario => ({
  name,
  summary,
  defaults: { listeners: kind.tls ? 3_000 : 9_000, seconds: 30 },
  hasWindows: true,
  headline: 'cpuUsPerListenerSecond',
  measure: (bench) => measure(bench, kind),
  budgets: (result) => [
    ...budget('CPU against Icecast', result.ratio, share, '×'),
    ...(kind.tls ? [] : budget('CPU against the send loop', result.ratioToSendLoop, 1.3, '×')),
    ...budget('memory per listener', figureOf(result.ours, 'rssBytesPerListener'), memoryKb * 1_024, 'bytes'),
  ],
});

export const fanout = scenario(
  'fanout',
  'plain listeners at 128 kb/s',
  { icy: false, tls: false },
  1 / 5,
  10,
);
export const fanoutIcy = scenario(
  'fanout-icy',
  'listeners with ICY titles at 128 kb/s',
  { icy: true, tls: false },
  1 / 5,
  10,
);
export const fanoutTls = scenario(
  'fanout-tls',
  'listeners over HTTPS at 128 kb/s',
  { icy: false, tls: true },
  1 / 3,
  64,
);
