/**
 * From the start of the process to the first byte of audio at a listener who has been trying
 * to connect all the while: with the demo stream, as `npm start` has it, on a machine where it
 * has run before, and where it has not (no compiled code is kept yet).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverCommand, serverNodeEnv, serverNodeFlags } from '../../support/server-process.ts';
import type { BenchContext } from '../bench-context.ts';
import { spawnPlaced } from '../placement.ts';
import { budget, figureOf, type Round } from '../result.ts';
import { measureRounds } from '../rounds.ts';
import { ownVersion } from '../servers/ours.ts';
import type { Scenario } from './scenario.ts';

const demo = '/demo.mp3';
const tryEveryMs = 5;
const timeoutMs = 30_000;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Whether the first byte of audio came; false where nobody listens on the port, or the stream is not there yet. */
function hears(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let received = '';
    const settle = (isHeard: boolean) => {
      socket.destroy();
      resolve(isHeard);
    };
    socket.on('error', () => settle(false));
    socket.on('close', () => resolve(false));
    socket.once('connect', () => socket.write(`GET ${demo} HTTP/1.0\r\n\r\n`));
    socket.on('data', (data) => {
      received += data.toString('latin1');
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!/^HTTP\/1\.\d 200/.test(received)) settle(false);
      else if (received.length > end + 4) settle(true);
    });
  });
}

async function timeStart(bench: BenchContext, folder: string): Promise<number> {
  const port = await freePort();
  const settings = [
    `server.httpPort=${port}`,
    'server.shoutcastPort=off',
    'server.bindAddress=127.0.0.1',
    `server.dataDir=${folder}/data`,
    'telemetry.port=0',
    ...bench.options.set,
  ];
  const flags = settings.flatMap((setting) => ['--set', setting]);
  const args = [...serverNodeFlags, serverCommand, 'standalone', '--demo', ...flags];
  const startMs = performance.now();
  const child = spawnPlaced('server', process.execPath, args, {
    stdio: 'ignore',
    env: { ...serverNodeEnv, ...process.env, NODE_COMPILE_CACHE: `${folder}/code` },
  });
  const end = bench.cleanup.addChild(child);
  try {
    while (!(await hears(port))) {
      if (child.exitCode !== null || performance.now() - startMs > timeoutMs)
        throw new Error('the server did not come on air');
      await sleep(tryEveryMs);
    }
    return performance.now() - startMs;
  } finally {
    await end();
  }
}

async function measureStart(bench: BenchContext): Promise<Round & { version: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'legacystream-bench-'));
  const removeFolder = bench.cleanup.add(() => rm(folder, { recursive: true, force: true }));
  const firstStartMs = await timeStart(bench, folder);
  const startMs = await timeStart(bench, folder);
  await removeFolder();
  return { version: await ownVersion(), figures: { startMs, firstStartMs } };
}

export const start: Scenario = {
  name: 'start',
  summary: 'from the start of the process to the first byte of audio',
  defaults: { listeners: 1, rounds: 5 },
  hasWindows: false,
  headline: 'startMs',
  measure: (bench) => measureRounds(bench, ['ours'], () => measureStart(bench)),
  budgets: ({ ours }) => budget('start to first audio', figureOf(ours, 'startMs'), 1_000, 'ms'),
};
