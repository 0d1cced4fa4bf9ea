/** The command line of the test runner. */
import { parseArgs } from 'node:util';
import { suites } from './suites.ts';

export type Options = {
  readonly ok: true;
  /** Parts of paths; a test file runs when its path contains one of them. None means all. */
  readonly words: readonly string[];
  /** The one suite to run. */
  readonly only: string | undefined;
  readonly verbose: boolean;
};

const names = suites.map((suite) => suite.name);

export const usage = `usage: npm test -- [--only ${names.join('|')}] [--verbose] [word in a path …]`;

export function parseOptions(
  args: readonly string[],
): Options | { readonly ok: false; readonly message: string } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { only: { type: 'string' }, verbose: { type: 'boolean', default: false } },
    });
    if (values.only !== undefined && !names.includes(values.only)) {
      return { ok: false, message: `there is no suite named ${values.only}` };
    }
    return { ok: true, words: positionals, only: values.only, verbose: values.verbose };
  } catch (error) {
    return { ok: false, message: (error as Error).message };
  }
}
