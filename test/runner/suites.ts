/** The test suites: where their files are and how many of them run at the same time. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = path.resolve(fileURLToPath(new URL('../..', import.meta.url)));

export type Suite = {
  readonly name: string;
  /** Patterns of test files, relative to the repository. */
  readonly patterns: readonly string[];
  readonly concurrency: number;
};

/**
 * In the order of running: what fails fastest first. Integration and cluster wait most of the
 * time, so that more of their files than there are cores run side by side. Browsers that measure
 * how late they play have the machine to themselves.
 */
export const suites: readonly Suite[] = [
  { name: 'lint', patterns: ['test/lint/**/*.test.ts'], concurrency: 2 },
  {
    name: 'unit',
    patterns: [
      'services/*/src/**/*.test.ts',
      'test/support/**/*.test.ts',
      'test/contract/**/*.test.ts',
      'test/fuzz/**/*.test.ts',
      'test/bench/**/*.test.ts',
    ],
    concurrency: 2,
  },
  { name: 'integration', patterns: ['test/integration/**/*.test.ts'], concurrency: 3 },
  { name: 'cluster', patterns: ['test/cluster/**/*.test.ts'], concurrency: 3 },
  { name: 'e2e', patterns: ['test/e2e/**/*.test.ts'], concurrency: 1 },
];

/** The files of a suite whose path contains one of the words (all files without words), sorted. */
export function selectFiles(suite: Suite, words: readonly string[]): string[] {
  const files = fs.globSync([...suite.patterns], {
    cwd: repository,
    exclude: (name) => name === 'node_modules' || name.endsWith('/node_modules'),
  });
  return files.filter((file) => words.length === 0 || words.some((word) => file.includes(word))).sort();
}
