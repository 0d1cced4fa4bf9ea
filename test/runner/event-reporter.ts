/**
 * A node:test reporter that writes one JSON object a line for the runner. Its last line is
 * `{"kind":"end"}`; a report without it belongs to a process that did not finish.
 */
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

export type ReportedEvent =
  | { readonly kind: 'begun' | 'ended'; readonly title: string }
  | { readonly kind: 'pass'; readonly title: string; readonly durationMs: number }
  | { readonly kind: 'fail'; readonly title: string; readonly detail: string }
  | { readonly kind: 'skip'; readonly title: string; readonly reason: string }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'end' };

type ResultEvent = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>;

/** The counts with which node:test ends a file; the runner counts for itself. */
const nodeSummary = /^(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

/** Stack lines of node:test itself, and the brace that may end the last of them. */
const runnerFrames = /^ +at .*\(?node:(?:internal\/test_runner|async_hooks|internal\/util:).*?( \{)?$\n?/gm;

/** node:test wraps what a test threw; the reader wants what it threw. */
function describeError(error: unknown): string {
  const cause = (error as { cause?: unknown } | undefined)?.cause ?? error;
  if (typeof cause === 'string') return cause;
  return inspect(cause, { depth: 6, breakLength: 110 }).replaceAll(runnerFrames, (_, brace?: string) =>
    brace ? '  {\n' : '',
  );
}

function isOnlyAboutSubtests(error: unknown): boolean {
  return (error as { failureType?: string } | undefined)?.failureType === 'subtestsFailed';
}

export default async function* reportEvents(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const titles: string[] = [];
  for await (const event of source) {
    const reported = translate(event, titles);
    if (reported) yield `${JSON.stringify(reported)}\n`;
  }
  yield `${JSON.stringify({ kind: 'end' } satisfies ReportedEvent)}\n`;
}

function translate(event: TestEvent, titles: string[]): ReportedEvent | undefined {
  switch (event.type) {
    case 'test:dequeue':
      return { kind: 'begun', title: event.data.name };
    case 'test:complete':
      return { kind: 'ended', title: event.data.name };
    case 'test:diagnostic':
      return nodeSummary.test(event.data.message) ? undefined : { kind: 'note', text: event.data.message };
    case 'test:start':
    case 'test:pass':
    case 'test:fail':
      // These three come in the order of the file, so that the open titles form a stack.
      titles.length = event.data.nesting;
      titles.push(event.data.name);
      return event.type === 'test:start' ? undefined : translateResult(event, titles.join(' › '));
    default:
      return undefined;
  }
}

function translateResult(event: ResultEvent, title: string): ReportedEvent | undefined {
  const { skip, todo, details } = event.data;
  if (skip !== undefined && skip !== false) return { kind: 'skip', title, reason: reasonOf(skip) };
  if (todo !== undefined && todo !== false)
    return { kind: 'skip', title, reason: `to do: ${reasonOf(todo)}` };
  if (event.type === 'test:fail') {
    const { error } = event.data.details;
    return isOnlyAboutSubtests(error) ? undefined : { kind: 'fail', title, detail: describeError(error) };
  }
  return details.type === 'suite' ? undefined : { kind: 'pass', title, durationMs: details.duration_ms };
}

function reasonOf(value: string | boolean): string {
  return typeof value === 'string' && value !== '' ? value : 'no reason given';
}
