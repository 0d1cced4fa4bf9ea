/** The plain send loop: in C where there is a compiler, else in Node. The report says which. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BenchContext } from '../bench-context.ts';
import { findTool } from '../find-tool.ts';
import { spawnPlaced } from '../placement.ts';
import type { BenchServer } from './bench-server.ts';
import { ServerOutput } from './server-output.ts';

const sourceFile = fileURLToPath(new URL('send-loop.c', import.meta.url));
const nodeFile = fileURLToPath(new URL('send-loop-node.ts', import.meta.url));
const compileTimeoutMs = 30_000;
const startTimeoutMs = 10_000;
const settleMs = 1_200;

export async function startSendLoop(bench: BenchContext): Promise<BenchServer> {
  const binary = await bench.compiled(compile);
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

/** @returns the program, or undefined where it cannot be made */
async function compile(folder: string): Promise<string | undefined> {
  const compiler = findTool('cc', 'gcc', 'clang');
  if (!compiler) return undefined;
  const program = join(folder, 'send-loop');
  try {
    await promisify(execFile)(compiler, ['-O2', '-o', program, sourceFile], { timeout: compileTimeoutMs });
    return program;
  } catch {
    return undefined;
  }
}
