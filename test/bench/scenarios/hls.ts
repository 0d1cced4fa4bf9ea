/**
 * Playlists and segments over connections that stay open, against nginx with the same bytes in
 * files: 192 kb/s in segments of four seconds. Each server has one core, each load asks as
 * fast as it is answered, and what counts is requests for each second of CPU time.
 *
 * Ours is on air all the while and its window moves, which takes a hundredth of the core; nginx
 * serves a copy that stays.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CountingFormat, countingFormats } from '../../support/counting-frames.ts';
import type { BenchContext } from '../bench-context.ts';
import { HlsCopy, playlistName } from '../hls-copy.ts';
import { HlsLoad, type HlsLoadCounts, type HlsLoadKind } from '../hls-load.ts';
import { cpuNs } from '../process-usage.ts';
import { type Round, target } from '../result.ts';
import { measureRounds } from '../rounds.ts';
import { profileDuring } from '../server-profile.ts';
import type { BenchServer, ServerName } from '../servers/bench-server.ts';
import { Station } from '../station.ts';
import type { Scenario } from './scenario.ts';

const mount = '/bench';
const maxConnections = 4_000;
/** As the counting frames of 128 kb/s, with the bitrate of 192 in their header. */
const mp3At192: CountingFormat = {
  ...countingFormats.mp3At128,
  header: countingFormats.mp3At128.header.with(2, (11 << 4) | (1 << 2)),
  frameBytes: 576,
};
/** More than a window, which is there at once. */
const headStartMs = 60_000;
/** Until caches are filled and code is compiled. */
const warmUpMs = 1_500;
const loads: readonly { readonly kind: HlsLoadKind; readonly one: string; readonly many: string }[] = [
  { kind: 'playlists', one: 'playlist', many: 'playlists' },
  { kind: 'segments', one: 'segment', many: 'segments' },
  { kind: 'mix', one: 'mix', many: 'mix' },
];

async function writeList(copy: HlsCopy, name: ServerName): Promise<string> {
  const list = join(copy.folder, 'targets');
  const isOurs = name === 'ours';
  const playlists = isOurs ? copy.playlists : [`/${playlistName}`];
  const base = isOurs ? copy.base : '/';
  const lines = [
    ...playlists.map((path) => `p ${path}`),
    ...copy.segments.map((segment) => `s ${base}${segment.name} ${join(copy.folder, segment.name)}`),
  ];
  await writeFile(list, `${lines.join('\n')}\n`);
  return list;
}

type LoadWindow = {
  readonly perCpuSecond: number;
  readonly perSecond: number;
  readonly coreShare: number;
  readonly compared: number;
};

async function measureLoad(
  bench: BenchContext,
  server: BenchServer,
  kind: HlsLoadKind,
  list: string,
): Promise<LoadWindow> {
  const connections = bench.options.listeners;
  const load = await HlsLoad.start(bench, { port: server.port, connections, kind, list });
  await sleep(warmUpMs);
  const window = await profileDuring(bench, server, async () => {
    const before = await load.counts();
    const startNs = cpuNs(server.pid);
    const startMs = performance.now();
    await sleep((bench.windowSeconds * 1_000) / loads.length);
    const after = await load.counts();
    const cpuSeconds = (cpuNs(server.pid) - startNs) / 1e9;
    const elapsedSeconds = (performance.now() - startMs) / 1_000;
    const requests = answersOf(after) - answersOf(before);
    return {
      perCpuSecond: requests / cpuSeconds,
      perSecond: requests / elapsedSeconds,
      coreShare: cpuSeconds / elapsedSeconds,
      compared: after.compared - before.compared,
    };
  });
  await load.end();
  return window;
}

function answersOf({ playlists, segments }: HlsLoadCounts): number {
  return playlists + segments;
}

async function measureServer(
  bench: BenchContext,
  server: BenchServer,
  copy: HlsCopy,
  ours: BenchServer,
): Promise<Round> {
  const figures: Record<string, number> = {};
  let bodiesCompared = 0;
  for (const { kind, one, many } of loads) {
    if (server === ours) await copy.take(ours.port, mount, bench.options.listeners);
    const list = await writeList(copy, server.name);
    const found = await measureLoad(bench, server, kind, list);
    bench.say(
      `${kind}: ${Math.round(found.perCpuSecond)} a second of CPU, ${Math.round(found.perSecond)} a second`,
    );
    figures[`${many}PerCpuSecond`] = found.perCpuSecond;
    figures[`${many}PerSecond`] = found.perSecond;
    figures[`${one}CoreShare`] = found.coreShare;
    bodiesCompared += found.compared;
  }
  figures['segmentBytes'] = Math.max(...copy.segments.map(({ bytes }) => bytes));
  figures['playlistBytes'] = copy.playlistBytes;
  figures['bodiesCompared'] = bodiesCompared;
  return { figures };
}

async function measureHls(bench: BenchContext) {
  if (bench.options.listeners > maxConnections)
    throw new Error(`hls takes at most ${maxConnections} connections`);
  const copy = await HlsCopy.create(bench);
  const ours = await Station.open(bench, 'ours', { source: { format: mp3At192, headStartMs } });
  await copy.whenFull(ours.server.port, mount);
  const measured = await measureRounds(bench, ['ours', 'nginx'], async (name) => {
    if (name === 'ours') {
      return {
        ...(await measureServer(bench, ours.server, copy, ours.server)),
        version: ours.server.version,
      };
    }
    const station = await Station.open(bench, name, { folder: copy.folder });
    const found = await measureServer(bench, station.server, copy, ours.server);
    await station.close();
    return { ...found, version: station.server.version };
  });
  await ours.close();
  return measured;
}

export const hls: Scenario = {
  name: 'hls',
  summary: 'HLS at 192 kb/s over connections that stay open',
  // Of a round each load has a third.
  defaults: { listeners: 64, seconds: 45 },
  hasWindows: true,
  headline: 'mixPerCpuSecond',
  reference: 'nginx',
  audience: 'connections',
  measure: measureHls,
  budgets: ({ ratio }) => target('playlists and segments in turn against nginx', ratio, 1, '×'),
};
