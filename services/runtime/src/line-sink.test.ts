import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { LineSink, type LineSinkOptions } from './line-sink.ts';

const here = (name: string): string => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));
const preamble = `
  const { LineSink } = await import(${here('./line-sink.ts')});
  const { SystemClock } = await import(${here('./system-clock.ts')});
  const sink = new LineSink({ path: '-', clock: new SystemClock() });
`;

async function setUp(t: TestContext, options: Partial<LineSinkOptions> & { readonly folder?: string } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'legacystream-'));
  const clock = new ManualClock();
  const troubles: string[] = [];
  const path = options.path ?? join(directory, options.folder ?? '', 'lines.log');
  const sink = new LineSink({
    clock,
    onTrouble: (error, lostLines) =>
      void troubles.push(`${(error as NodeJS.ErrnoException).code} ${lostLines}`),
    ...options,
    path,
  });
  t.after(async () => {
    await sink.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { directory, path, clock, troubles, sink };
}

test('lines are appended in order, each with its line feed', async (t) => {
  const { path, sink } = await setUp(t);
  sink.write('one');
  sink.write('zwei ü');
  await sink.flush();
  sink.write('three');
  await sink.flush();
  assert.equal(await readFile(path, 'utf8'), 'one\nzwei ü\nthree\n');
  assert.equal((await stat(path)).mode & 0o037, 0);
  assert.equal(sink.lostLines, 0);
});

test('lines are gathered for the given time, or until they come to enough', async (t) => {
  const { path, clock, sink } = await setUp(t, { gatherMs: 1000, gatherBytes: 10 });
  const written = async (): Promise<string> => {
    for (let turn = 0; turn < 200; turn++) await nextTurn();
    return readFile(path, 'utf8').catch(() => '');
  };
  sink.write('one');
  clock.advance(999);
  assert.equal(await written(), '');
  clock.advance(1);
  while ((await written()) === '') await nextTurn();
  sink.write('four');
  sink.write('fives');
  while ((await written()) !== 'one\nfour\nfives\n') await nextTurn();
});

test('a file that was renamed is left, and a new one takes its place', async (t) => {
  const { directory, path, sink } = await setUp(t);
  sink.write('old');
  await sink.flush();
  await rename(path, join(directory, 'lines.log.1'));
  sink.write('still old');
  await sink.flush();
  sink.reopen();
  sink.write('new');
  await sink.flush();
  assert.equal(await readFile(join(directory, 'lines.log.1'), 'utf8'), 'old\nstill old\n');
  assert.equal(await readFile(path, 'utf8'), 'new\n');
});

test('lines written while the file changes are neither lost nor torn', async (t) => {
  const { directory, path, sink } = await setUp(t);
  const expected: string[] = [];
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 50; i++) {
      expected.push(`${round}-${i}-${'x'.repeat(200)}`);
      sink.write(expected.at(-1) ?? '');
    }
    if (round % 2 === 0) await nextTurn();
    else await sink.flush();
    await rename(path, join(directory, `${round}.log`)).catch(() => {});
    sink.reopen();
  }
  await sink.flush();
  const found: string[] = [];
  for (const name of [...Array(20).keys()].map((round) => `${round}.log`).concat('lines.log')) {
    const text = await readFile(join(directory, name), 'utf8').catch(() => '');
    found.push(...text.split('\n').slice(0, -1));
  }
  assert.deepEqual(found, expected);
});

test('what cannot be written is kept, tried again each second, and written once', async (t) => {
  const { directory, clock, troubles, sink } = await setUp(t, { folder: 'late' });
  sink.write('one');
  await sink.flush();
  assert.deepEqual(troubles, ['ENOENT 0']);
  sink.write('two');
  clock.advance(999);
  await sink.flush();
  assert.equal(troubles.length, 1);
  clock.advance(1);
  await sink.flush();
  assert.deepEqual(troubles, ['ENOENT 0', 'ENOENT 0']);
  await mkdir(join(directory, 'late'));
  clock.advance(1000);
  await sink.flush();
  assert.equal(await readFile(join(directory, 'late', 'lines.log'), 'utf8'), 'one\ntwo\n');
  assert.equal(sink.lostLines, 0);
});

test('a full disk loses what exceeds the memory, counts it, and harms nothing', async (t) => {
  const { clock, troubles, sink } = await setUp(t, { path: '/dev/full', maxBufferedBytes: 100 });
  for (let i = 0; i < 20; i++) sink.write('123456789');
  assert.equal(sink.lostLines, 10);
  await sink.flush();
  clock.advance(1000);
  await sink.flush();
  assert.equal(troubles.filter((line) => line.startsWith('ENOSPC')).length, 2);
  await sink.close();
  assert.equal(sink.lostLines, 20);
  assert.equal(clock.pendingTimers, 0);
});

test('a closed sink counts what still comes as lost', async (t) => {
  const { sink } = await setUp(t);
  await Promise.all([sink.close(), sink.close()]);
  sink.write('late');
  assert.equal(sink.lostLines, 1);
});

test('lines written right before the process ends still come out', async () => {
  const script = `${preamble} sink.write('one'); sink.write('two'); process.exit(3);`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 20_000,
  });
  await assert.rejects(run, { code: 3, stdout: 'one\ntwo\n' });
});

test('a pipe that nobody reads neither stops the event loop nor the end of the process', async () => {
  const script = `${preamble}
    const line = 'x'.repeat(1000);
    for (let i = 0; i < 10_000; i++) sink.write(line);
    let ticks = 0;
    setInterval(() => {
      if (++ticks < 20) return;
      process.stderr.write(String(sink.lostLines));
      process.exit(0);
    }, 5);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.pause();
  let lost = '';
  child.stderr.on('data', (data) => {
    lost += data;
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(code, 0);
  assert.ok(Number(lost) > 5000, lost);
});

test('a reader that leaves does not end the process', async () => {
  const script = `${preamble}
    let count = 0;
    setInterval(() => {
      sink.write('line');
      if (++count === 30) process.exit(0);
    }, 5);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const code = await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(code, 0);
});
