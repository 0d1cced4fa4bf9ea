/**
 * Runs one test file in a process of its own and judges how it ended. Whatever keeps the
 * file from reporting properly becomes a failure: a crash, a time limit, an early exit, an
 * exit code without a failed test, no test at all.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReportedEvent } from './event-reporter.ts';
import type { FileResult, TestDuration, TestFailure, TestSkip } from './file-result.ts';
import { type Outcome, runInGroup } from './process-group.ts';
import { repository } from './suites.ts';

const fileTimeoutMs = 5 * 60_000;
const reporter = fileURLToPath(new URL('./event-reporter.ts', import.meta.url));

function readEvents(file: string): ReportedEvent[] {
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  // What follows the last newline was cut off by the end of the process.
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ReportedEvent);
}

/** Titles that began and did not end. */
function openTitles(events: readonly ReportedEvent[]): string[] {
  const open: string[] = [];
  for (const event of events) {
    if (event.kind === 'begun') open.push(event.title);
    else if (event.kind === 'ended' && open.includes(event.title))
      open.splice(open.lastIndexOf(event.title), 1);
  }
  return open;
}

/** Why the end of the process is a failure of its own, if it is. */
function judgeEnd(
  outcome: Outcome,
  events: readonly ReportedEvent[],
  timeoutMs: number,
): TestFailure | undefined {
  const has = (...kinds: ReportedEvent['kind'][]) => events.some((event) => kinds.includes(event.kind));
  const end = outcome.signal ? `was ended by ${outcome.signal}` : `exited with code ${outcome.code}`;
  if (outcome.timedOut) {
    const open = openTitles(events);
    const state =
      open.length > 0
        ? `in: ${open.join(', ')}`
        : 'though every test that began has ended: something keeps it alive';
    return {
      title: 'the file ends in time',
      detail: `still running after ${Math.round(timeoutMs / 1000)} s, ${state}`,
    };
  }
  if (!has('end')) {
    const open = openTitles(events);
    const state = open.length > 0 ? `in: ${open.join(', ')}` : 'with no test open';
    return { title: 'the file reports to its end', detail: `the process ${end} ${state}` };
  }
  if (outcome.code !== 0 && !has('fail')) {
    return { title: 'the file exits cleanly', detail: `the process ${end} though none of its tests failed` };
  }
  if (!has('pass', 'fail', 'skip')) return { title: 'the file holds tests', detail: 'none came to a result' };
  return undefined;
}

/** Runs `file` (a path from the repository) until its own limit or the run's deadline, whichever is first. */
export async function runTestFile(file: string, deadlineMs: number): Promise<FileResult> {
  const startedMs = performance.now();
  const timeoutMs = Math.min(fileTimeoutMs, deadlineMs - startedMs);
  const passed: TestDuration[] = [];
  const failed: TestFailure[] = [];
  const skipped: TestSkip[] = [];
  const notes: string[] = [];
  if (timeoutMs <= 0) {
    failed.push({ title: 'the file ran', detail: 'the time for the whole run was over before it began' });
    return { file, durationMs: 0, passed, failed, skipped, notes, output: '' };
  }

  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'legacystream-test-'));
  try {
    const events = path.join(folder, 'events.jsonl');
    const args = [`--test-reporter=${reporter}`, `--test-reporter-destination=${events}`, file];
    const outcome = await runInGroup(process.execPath, args, { cwd: repository, timeoutMs });
    const reported = readEvents(events);
    for (const event of reported) {
      if (event.kind === 'pass') passed.push(event);
      else if (event.kind === 'fail') failed.push(event);
      else if (event.kind === 'skip') skipped.push(event);
      else if (event.kind === 'note') notes.push(event.text);
    }
    const bad = judgeEnd(outcome, reported, timeoutMs);
    if (bad) failed.push(bad);
    return {
      file,
      durationMs: performance.now() - startedMs,
      passed,
      failed,
      skipped,
      notes,
      output: outcome.output,
    };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
