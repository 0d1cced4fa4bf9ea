import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { FileResult } from '../runner/file-result.ts';
import { parseOptions } from '../runner/options.ts';
import { Report } from '../runner/report.ts';
import { selectFiles } from '../runner/suites.ts';
import { runTestFile } from '../runner/test-file.ts';

const run = (name: string, timeoutMs = 60_000) =>
  runTestFile(`test/fixtures/test-runner/${name}.ts`, performance.now() + timeoutMs);

function printed(results: readonly FileResult[]) {
  const lines: string[] = [];
  const report = new Report(false, (line) => lines.push(line));
  for (const result of results) report.add(result);
  const exitCode = report.finish();
  const text = lines.join('\n');
  return { exitCode, text, lastLine: text.split('\n').at(-1) };
}

/** The state letter of a process, or undefined when there is none. */
function stateOf(pid: number): string | undefined {
  try {
    return /\) (\w)/.exec(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

/** Resolves once the process has ended, whether or not somebody has collected it. */
async function isGone(pid: number): Promise<void> {
  for (let polls = 0; ; polls++) {
    const state = stateOf(pid);
    if (state === undefined || state === 'Z' || state === 'X') return;
    assert.ok(polls < 200, `process ${pid} is alive`);
    await setTimeout(10);
  }
}

test('passed and skipped tests are counted, and skips and warnings are listed', async () => {
  const { exitCode, text, lastLine } = printed([await run('passes')]);
  assert.equal(lastLine, '2 passed, 0 failed, 1 skipped');
  assert.equal(exitCode, 0);
  assert.match(text, /^ {2}test\/fixtures\/test-runner\/passes\.ts: suite › skips: a reason$/m);
  assert.match(text, /^ {2}warning: something to know$/m);
});

test('a failure is printed in full, counted once, and makes the exit code 1', async () => {
  const { exitCode, text, lastLine } = printed([await run('passes'), await run('fails')]);
  assert.equal(lastLine, '2 passed, 1 failed, 1 skipped');
  assert.equal(exitCode, 1);
  assert.match(text, /× fails › inside\n\s+AssertionError.*\n[\s\S]*fails\.ts:5/);
});

for (const [name, title] of [
  ['exits-early', 'the file reports to its end'],
  ['exits-badly', 'the file exits cleanly'],
  ['holds-no-test', 'the file reports to its end'],
  ['does-not-exist', 'the file reports to its end'],
] as const) {
  test(`a file that ${name.replaceAll('-', ' ')} counts as failed`, async () => {
    const result = await run(name);
    assert.deepEqual(
      result.failed.map((failure) => failure.title),
      [title],
    );
    assert.equal(printed([result]).exitCode, 1);
  });
}

test('a file that hangs is ended with its children, and the open test is named', async () => {
  const result = await run('hangs', 3_000);
  assert.match(result.failed[0]?.detail ?? '', /still running after \d+ s, in: never ends/);
  const child = Number(/child (\d+)/.exec(result.output)?.[1]);
  assert.ok(child > 0);
  await isGone(child);
});

test('a file whose turn comes after the deadline counts as failed', async () => {
  const result = await run('passes', -1);
  assert.equal(result.failed.length, 1);
});

test('a run without any test is not a success', () => {
  const { exitCode, lastLine } = printed([]);
  assert.equal(lastLine, '0 passed, 0 failed, 0 skipped');
  assert.equal(exitCode, 1);
});

test('words choose files by path, and unknown options are refused', () => {
  const suite = { name: 'x', patterns: ['test/lint/*.test.ts'], concurrency: 1 };
  assert.deepEqual(selectFiles(suite, ['test-runner']), ['test/lint/test-runner.test.ts']);
  assert.deepEqual(selectFiles(suite, ['no such word']), []);
  assert.equal(parseOptions(['--only', 'nothing']).ok, false);
  assert.equal(parseOptions(['--bogus']).ok, false);
  assert.deepEqual(parseOptions(['--only', 'unit', 'ring']), {
    ok: true,
    only: 'unit',
    verbose: false,
    words: ['ring'],
  });
});
