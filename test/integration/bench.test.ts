/** The benchmark as its users run it: what it prints, and that nothing is left of it. No figure is judged here. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ScenarioResult, ServerResult } from '../bench/result.ts';
import { missingProgram } from '../programs.mjs';

const main = fileURLToPath(new URL('../bench/main.ts', import.meta.url));
const isLinux = process.platform === 'linux';
const skip = isLinux ? false : 'the benchmark reads /proc, which only Linux has';

/** Starts the benchmark with a folder of its own for everything temporary. */
async function startBench(t: { after(undo: () => Promise<void>): void }, args: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'bench-test-'));
  // Icecast runs as another user in it.
  await chmod(folder, 0o755);
  t.after(() => rm(folder, { recursive: true, force: true }));
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, TMPDIR: folder, NODE_DISABLE_COMPILE_CACHE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text;
  });
  return { folder, child, said };
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', resolve));
}

/** Ids of the processes that a process has started and that are alive. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

test('fanout prints one JSON object with the figures of every server and what its listeners were sent', {
  skip,
}, async (t) => {
  const args = ['fanout', '--listeners', '50', '--seconds', '2', '--rounds', '1', '--json'];
  const { folder, child, said } = await startBench(t, args);
  assert.equal(await ended(child), 0, said.stderr);
  const result = JSON.parse(said.stdout) as ScenarioResult;
  assert.equal(result.scenario, 'fanout');
  assert.equal(result.listeners, 50);
  assert.equal(result.rounds, 1);
  assert.ok(result.machine.cores >= 1);

  const judge = (name: string, server: ServerResult | null) => {
    assert.ok(server, `${name}: ${JSON.stringify(result.unavailable)}`);
    for (const figure of ['cpuUsPerListenerSecond', 'rssBytesPerListener', 'bytesPerListenerSecond']) {
      assert.equal(typeof server[figure], 'number', `${name} ${figure}`);
    }
    assert.ok(Number(server['cpuUsPerListenerSecond']) > 0);
    // A stream of 16,000 bytes a second; a window may begin or end in the middle of a delivery.
    const rate = Number(server['bytesPerListenerSecond']);
    assert.ok(rate > 8_000 && rate < 24_000, `${name} sent ${rate} bytes a second`);
    if (name === 'sendLoop') return;
    const { correctness } = server;
    assert.ok(correctness);
    assert.ok(correctness.frames > 8 * 80, `${name}: ${correctness.frames} frames`);
    assert.equal(correctness.isFlawless, true, JSON.stringify(correctness));
  };
  judge('ours', result.ours);
  judge('sendLoop', result.sendLoop);
  assert.equal(typeof result.ratioToSendLoop, 'number');
  if (missingProgram('icecast2')) {
    assert.equal(result.icecast, null);
    assert.match(result.unavailable['icecast'] ?? '', /icecast2 is not installed/);
    assert.equal(result.ratio, null);
  } else {
    judge('icecast', result.icecast);
    assert.equal(typeof result.ratio, 'number');
  }
  assert.deepEqual(await readdir(folder), []);
});

test('an interrupted run leaves neither processes nor files behind', { skip }, async (t) => {
  const { folder, child, said } = await startBench(t, ['fanout', '--listeners', '20', '--seconds', '60']);
  const measuring = new Promise<void>((resolve) => {
    child.stderr.on('data', () => {
      if (said.stderr.includes('round 1')) resolve();
    });
  });
  const exited = ended(child).then(() => assert.fail(`it ended by itself\n${said.stderr}`));
  await Promise.race([measuring, exited]);
  exited.catch(() => {});
  const started = await childrenOf(child.pid!);
  assert.ok(started.length >= 3, `only ${started.length} processes were started\n${said.stderr}`);
  child.kill('SIGINT');
  assert.equal(await ended(child), 130, said.stderr);
  assert.deepEqual(
    started.filter((pid) => existsSync(`/proc/${pid}`)),
    [],
  );
  assert.deepEqual(await readdir(folder), []);
  assert.equal(said.stdout, '');
});

test('what cannot be done is refused in a sentence', async () => {
  const refusal = async (...args: string[]) => {
    try {
      await promisify(execFile)(process.execPath, [main, ...args]);
    } catch (error) {
      const { code, stderr } = error as { code: number; stderr: string };
      return { code, line: stderr.split('\n', 1)[0] };
    }
    return undefined;
  };
  assert.deepEqual(await refusal('fan-out'), { code: 2, line: 'bench: no scenario is called fan-out' });
  assert.deepEqual(await refusal('fanout', '--listeners', 'many'), {
    code: 2,
    line: 'bench: listeners is a whole number from 1 to 17000, not many',
  });
});
