/**
 * Icecast from the system's package, with limits that are high enough for every scenario
 * and everything else as it is shipped. It refuses to be root, so root starts it as nobody.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findProgram, missingProgram } from '../../programs.mjs';
import type { BenchContext } from '../bench-context.ts';
import { findTool } from '../find-tool.ts';
import { spawnPlaced } from '../placement.ts';
import { type BenchServer, type StartOptions, Unavailable } from './bench-server.ts';
import { freePorts } from './free-ports.ts';
import { ServerOutput } from './server-output.ts';

const sourcePassword = 'source-of-the-bench';
const adminPassword = 'admin-of-the-bench';
const nobody = '65534';
const startTimeoutMs = 10_000;
const queueBytes = 524_288;
const burstBytes = 65_535;
/** Its settings adapt to nothing; this is for what comes to rest in the kernel. */
const settleMs = 1_000;
const shares = ['/usr/share/icecast2', '/usr/share/icecast', '/usr/local/share/icecast'];

/** @throws Unavailable where there is no Icecast */
export async function startIcecast(bench: BenchContext, options: StartOptions = {}): Promise<BenchServer> {
  const program = findProgram('icecast2');
  if (!program) throw new Unavailable(missingProgram('icecast2') || 'icecast2 is not installed');
  const isRoot = process.getuid?.() === 0;
  const setpriv = findTool('setpriv');
  if (isRoot && !setpriv)
    throw new Unavailable('Icecast refuses to run as root, and setpriv is not installed');

  const folder = await mkdtemp(join(tmpdir(), 'icecast-bench-'));
  const removeFolder = bench.cleanup.add(() => rm(folder, { recursive: true, force: true }));
  const logs = join(folder, 'logs');
  await mkdir(logs);
  await Promise.all([chmod(folder, 0o755), chmod(logs, 0o777)]);
  const [port, tlsPort] = await freePorts(2);
  const bundle = options.tls ? (await bench.certificate()).bundlePath : undefined;
  const config = join(folder, 'icecast.xml');
  const ports = { port: port!, tlsPort: bundle ? tlsPort! : undefined };
  await writeFile(config, configuration(logs, ports, bundle, options.maxQueueBytes ?? queueBytes));

  const [command, ...args] = isRoot
    ? [setpriv!, '--reuid', nobody, '--regid', nobody, '--clear-groups', '--pdeathsig', 'KILL', program]
    : [program];
  const child = spawnPlaced('server', command!, [...args, '-c', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: folder,
  });
  const end = bench.cleanup.addChild(child);
  const output = new ServerOutput(child);
  await untilAnswering(
    port!,
    () => child.exitCode === null && child.signalCode === null,
    async () => {
      const log = await readFile(join(logs, 'error.log'), 'utf8').catch(() => '');
      return `${output.tail}${log.slice(-2_000)}`;
    },
  );
  return {
    name: 'icecast',
    version: await versionOf(program),
    pid: child.pid!,
    port: options.tls ? tlsPort! : port!,
    // Serving thousands leaves it little time to take new ones.
    joinsPerSecond: options.tls || bench.options.listeners > 4_000 ? 250 : 500,
    source: { port: port!, user: 'source', password: sourcePassword },
    settle: () => sleep(settleMs),
    setTitle: async (mount, title) => {
      const query = new URLSearchParams({ mode: 'updinfo', mount, song: title });
      const authorization = `Basic ${Buffer.from(`admin:${adminPassword}`).toString('base64')}`;
      await fetch(`http://127.0.0.1:${port}/admin/metadata?${query}`, {
        headers: { authorization },
        signal: AbortSignal.timeout(5_000),
      });
    },
    counters: async () => ({}),
    pause: () => {},
    resume: () => {},
    stop: async () => {
      await end();
      await removeFolder();
    },
  };
}

function configuration(
  logs: string,
  { port, tlsPort }: { readonly port: number; readonly tlsPort: number | undefined },
  bundle: string | undefined,
  queue: number,
): string {
  const socket = (number: number, ssl: number) =>
    `<listen-socket><port>${number}</port><bind-address>127.0.0.1</bind-address><ssl>${ssl}</ssl></listen-socket>`;
  const share = shares.find((folder) => existsSync(folder)) ?? shares[0]!;
  return `<icecast>
  <limits>
    <clients>100000</clients><sources>5000</sources><threadpool>4</threadpool>
    <queue-size>${queue}</queue-size>
    <client-timeout>30</client-timeout><header-timeout>15</header-timeout><source-timeout>3600</source-timeout>
    <burst-on-connect>1</burst-on-connect><burst-size>${burstBytes}</burst-size>
  </limits>
  <authentication>
    <source-password>${sourcePassword}</source-password><relay-password>${adminPassword}</relay-password>
    <admin-user>admin</admin-user><admin-password>${adminPassword}</admin-password>
  </authentication>
  <hostname>127.0.0.1</hostname>
  ${socket(port, 0)}${tlsPort === undefined ? '' : socket(tlsPort, 1)}
  <fileserve>0</fileserve>
  <paths>
    <basedir>${share}</basedir><logdir>${logs}</logdir>
    <webroot>${share}/web</webroot><adminroot>${share}/admin</adminroot>
    ${bundle ? `<ssl-certificate>${bundle}</ssl-certificate>` : ''}
  </paths>
  <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>2</loglevel></logging>
</icecast>
`;
}

async function untilAnswering(
  port: number,
  isAlive: () => boolean,
  explain: () => Promise<string>,
): Promise<void> {
  const untilMs = performance.now() + startTimeoutMs;
  for (;;) {
    const isUp = await fetch(`http://127.0.0.1:${port}/status-json.xsl`, {
      signal: AbortSignal.timeout(2_000),
    })
      .then((answer) => answer.ok)
      .catch(() => false);
    if (isUp) return;
    if (!isAlive() || performance.now() > untilMs)
      throw new Error(`Icecast did not start\n${await explain()}`);
    await sleep(50);
  }
}

async function versionOf(program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ['-v'], { timeout: 5_000 });
  return /(\d+(?:\.\d+)+)/.exec(stdout)?.[1] ?? 'unknown';
}
