/** Format, lint and types, counted as one test each: the same commands as `npm run check`. */
import path from 'node:path';
import type { FileResult } from './file-result.ts';
import { runInGroup } from './process-group.ts';
import { repository } from './suites.ts';

const timeoutMs = 5 * 60_000;

const steps = [
  { title: 'format and lint', program: 'biome', args: ['ci', '.', '--colors=off'] },
  { title: 'types', program: 'tsc', args: ['-p', '.'] },
] as const;

export function runCheckSteps(): Promise<FileResult[]> {
  return Promise.all(
    steps.map(async ({ title, program, args }) => {
      const startedMs = performance.now();
      const bin = path.join(repository, 'node_modules/.bin', program);
      const outcome = await runInGroup(bin, args, { cwd: repository, timeoutMs });
      const durationMs = performance.now() - startedMs;
      const isGood = outcome.code === 0;
      const end = outcome.timedOut ? 'timed out' : `ended with ${outcome.signal ?? `code ${outcome.code}`}`;
      return {
        file: `${program} ${args[0]} ${args[1]}`,
        durationMs,
        passed: isGood ? [{ title, durationMs }] : [],
        failed: isGood ? [] : [{ title, detail: end }],
        skipped: [],
        notes: [],
        output: outcome.output,
      };
    }),
  );
}
