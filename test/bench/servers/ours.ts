/** LegacyStream, started as a user starts it: one process, its defaults but for ports and room for a source's silence. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverCommand, serverNodeEnv, serverNodeFlags } from '../../support/server-process.ts';
import type { BenchContext } from '../bench-context.ts';
import { spawnPlaced } from '../placement.ts';
import type { BenchServer, ServerCounters, StartOptions } from './bench-server.ts';
import { ServerOutput } from './server-output.ts';

const manifest = new URL('../../../services/cli/package.json', import.meta.url);
const startTimeoutMs = 20_000;
const settleTimeoutMs = 20_000;
const settleStepMs = 600;
const sourcePassword = 'source-of-the-bench';
const adminPassword = 'admin-of-the-bench';

type Started = { readonly httpPort: number; readonly httpsPort?: number; readonly telemetryPort: number };

export async function startOurs(bench: BenchContext, options: StartOptions = {}): Promise<BenchServer> {
  const folder = await mkdtemp(join(tmpdir(), 'legacystream-bench-'));
  // Known before the server is, so that it goes after the server has gone.
  const removeFolder = bench.cleanup.add(() => rm(folder, { recursive: true, force: true }));
  const ini = join(folder, 'server.ini');
  await writeFile(ini, `[Auth]\nSourcePassword=${sourcePassword}\nAdminPassword=${adminPassword}\n`);
  const settings = [
    'server.httpPort=0',
    'server.shoutcastPort=off',
    'server.bindAddress=127.0.0.1',
    `server.dataDir=${folder}/data`,
    'telemetry.port=0',
    // Sources are paused while others are measured.
    'streaming.sourceTimeout=3600',
    'limits.maxSources=5000',
    ...bench.options.set,
  ];
  if (options.maxQueueBytes) settings.push(`limits.maxListenerQueue=${options.maxQueueBytes}`);
  if (options.tls) {
    const { certificatePath, keyPath } = await bench.certificate();
    settings.push('ssl.enabled=true', 'server.httpsPort=0', `ssl.certificatePath=${certificatePath}`);
    settings.push(`ssl.privateKeyPath=${keyPath}`);
  }
  const args = [
    ...serverNodeFlags,
    serverCommand,
    'standalone',
    '--config',
    ini,
    ...settings.flatMap((setting) => ['--set', setting]),
  ];
  if (bench.options.profileFolder !== undefined) args.unshift('--inspect=127.0.0.1:0');
  const child = spawnPlaced('server', process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...serverNodeEnv, ...process.env },
  });
  const end = bench.cleanup.addChild(child);
  const output = new ServerOutput(child);
  const { httpPort, httpsPort, telemetryPort } = await output.waitFor(startedIn, startTimeoutMs);

  const counters = () => countersAt(telemetryPort);
  return {
    name: 'ours',
    version: await ownVersion(),
    pid: child.pid!,
    port: options.tls ? httpsPort! : httpPort,
    joinsPerSecond: options.tls ? 400 : 2_000,
    source: { port: httpPort, user: 'source', password: sourcePassword },
    inspectorUrl: /^Debugger listening on (\S+)$/m.exec(output.tail)?.[1],
    settle: () => settlePeriod(counters),
    setTitle: async (mount, title) => {
      const query = new URLSearchParams({ mode: 'updinfo', mount, song: title });
      const authorization = `Basic ${Buffer.from(`admin:${adminPassword}`).toString('base64')}`;
      await fetch(`http://127.0.0.1:${httpPort}/admin/metadata?${query}`, {
        headers: { authorization },
        signal: AbortSignal.timeout(5_000),
      });
    },
    counters,
    pause: () => {},
    resume: () => {},
    stop: async () => {
      await end();
      await removeFolder();
    },
  };
}

export async function ownVersion(): Promise<string> {
  return (JSON.parse(await readFile(manifest, 'utf8')) as { version: string }).version;
}

/** What an edge counts, by its metrics. */
export async function countersAt(telemetryPort: number): Promise<ServerCounters> {
  const page = await fetch(`http://127.0.0.1:${telemetryPort}/metrics`, {
    signal: AbortSignal.timeout(5_000),
  });
  const text = await page.text();
  return {
    listeners: sumOf(text, 'legacystream_edge_listeners_active'),
    skips: sumOf(text, 'legacystream_edge_listener_skips_total'),
    cuts: sumOf(text, 'legacystream_edge_listener_cuts_total'),
    lostMessages: sumOf(text, 'legacystream_edge_messages_lost_total'),
    periodMs: Math.max(0, ...samplesOf(text, 'legacystream_edge_delivery_period_seconds')) * 1_000,
  };
}

/** The delivery period follows the number of listeners by steps; it has settled when it stays. */
export async function settlePeriod(counters: () => Promise<ServerCounters>): Promise<void> {
  const untilMs = performance.now() + settleTimeoutMs;
  let before: number | undefined;
  for (let same = 0; same < 2 && performance.now() < untilMs; ) {
    const { periodMs } = await counters();
    same = periodMs === before ? same + 1 : 0;
    before = periodMs;
    await sleep(settleStepMs);
  }
}

function startedIn(line: string): Started | undefined {
  if (!line.includes('"server.started"')) return undefined;
  return JSON.parse(line) as Started;
}

function samplesOf(page: string, metric: string): number[] {
  return [...page.matchAll(new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].map((match) =>
    Number(match[1]),
  );
}

function sumOf(page: string, metric: string): number {
  return samplesOf(page, metric).reduce((sum, value) => sum + value, 0);
}
