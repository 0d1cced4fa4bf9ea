/** The plain send loop: in C where there is a compiler, else in Node. The report says which. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BenchContext } from '../bench-context.ts';
import { spawnPlaced } from '../placement.ts';
import type { BenchServer } from './bench-server.ts';
import { ServerOutput } from './server-output.ts';

const source = new URL('send-loop.c', import.meta.url);
const nodeFile = fileURLToPath(new URL('send-loop-node.ts', import.meta.url));
const startTimeoutMs = 10_000;
const settleMs = 1_200;

export async function startSendLoop(bench: BenchContext): Promise<BenchServer> {
  const binary = await bench.compiled(source);
  const child = spawnPlaced('server', binary ?? process.execPath, binary ? [] : [nodeFile], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const end = bench.cleanup.addChild(child);
  const port = await new ServerOutput(child).waitFor((line) => {
    const found = /^port (\d+)$/.exec(line);
    return found ? Number(found[1]) : undefined;
  }, startTimeoutMs);
  return {
    name: 'sendLoop',
    version: binary ? 'C' : 'Node',
    pid: child.pid!,
    port,
    joinsPerSecond: 2_000,
    source: undefined,
    settle: () => sleep(settleMs),
    setTitle: async () => {},
    counters: async () => ({}),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    stop: end,
  };
}
