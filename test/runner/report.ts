/**
 * What the runner prints: a line a file, failures in full where they happen and by name at the
 * end, every skipped test with its reason, the slowest tests, and the count as the last line.
 */
import type { FileResult } from './file-result.ts';

const slowestCount = 5;
const slowMs = 500;

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const indent = (text: string, by = '      ') => text.trimEnd().replaceAll(/^(?=.)/gm, by);

export class Report {
  readonly #verbose: boolean;
  readonly #print: (line: string) => void;
  readonly #results: FileResult[] = [];

  constructor(verbose: boolean, print: (line: string) => void = (line) => console.log(line)) {
    this.#verbose = verbose;
    this.#print = print;
  }

  add(result: FileResult): void {
    this.#results.push(result);
    const { file, passed, failed, skipped, durationMs } = result;
    const counts = [`${passed.length} passed`];
    if (failed.length > 0) counts.push(`${failed.length} failed`);
    if (skipped.length > 0) counts.push(`${skipped.length} skipped`);
    this.#print(
      `${failed.length > 0 ? 'FAIL' : 'ok  '} ${file}  ${counts.join(', ')} (${seconds(durationMs)})`,
    );
    if (this.#verbose) {
      for (const test of passed) this.#print(`   + ${test.title} (${seconds(test.durationMs)})`);
      for (const test of skipped) this.#print(`   - ${test.title}: ${test.reason}`);
    }
    for (const test of failed) {
      this.#print(`   × ${test.title}\n${indent(test.detail)}`);
    }
    const isWorthPrinting = failed.length > 0 || this.#verbose;
    if (isWorthPrinting) for (const note of result.notes) this.#print(indent(note, '   ! '));
    if (isWorthPrinting && result.output.trim() !== '') this.#print(`   output:\n${indent(result.output)}`);
  }

  /** Prints the summary; gives the exit code. */
  finish(): 0 | 1 {
    const results = this.#results;
    this.#section(
      'warnings',
      results.flatMap(({ notes }) => notes.filter((note) => note.startsWith('warning:'))),
    );
    this.#section('slowest tests', this.#slowest());
    this.#section(
      'skipped',
      results.flatMap(({ file, skipped }) => skipped.map((test) => `${file}: ${test.title}: ${test.reason}`)),
    );
    this.#section(
      'failed',
      results.flatMap(({ file, failed }) => failed.map((test) => `${file}: ${test.title}`)),
    );
    const count = (kind: 'passed' | 'failed' | 'skipped') =>
      results.reduce((sum, result) => sum + result[kind].length, 0);
    if (count('passed') + count('failed') === 0) this.#print('\nno test was run');
    this.#print(`\n${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`);
    return count('failed') === 0 && count('passed') > 0 ? 0 : 1;
  }

  #slowest(): string[] {
    return this.#results
      .flatMap(({ file, passed }) => passed.map((test) => ({ ...test, file })))
      .filter((test) => test.durationMs >= slowMs)
      .sort((a, b) => b.durationMs - a.durationMs)
      .slice(0, slowestCount)
      .map((test) => `${seconds(test.durationMs)}  ${test.file}: ${test.title}`);
  }

  #section(title: string, lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#print(`\n${title}:`);
    for (const line of lines) this.#print(`  ${line}`);
  }
}
