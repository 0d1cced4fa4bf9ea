/**
 * The test runner behind `npm test`: format, lint and types first, then every suite, each test
 * file in a process group of its own. The last line is `N passed, N failed, N skipped`; the exit
 * code is 0 only when something passed and nothing failed. Nothing is hidden: a file that
 * crashes, hangs, runs no test or exits with an error counts as failed, and every skipped test
 * is listed with its reason.
 */
import { runCheckSteps } from './runner/check-steps.ts';
import { parseOptions, usage } from './runner/options.ts';
import { killAllGroups } from './runner/process-group.ts';
import { Report } from './runner/report.ts';
import { selectFiles, suites } from './runner/suites.ts';
import { runTestFile } from './runner/test-file.ts';

const overallTimeoutMs = 40 * 60_000;

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (!options.ok) {
    console.error(`${options.message}\n${usage}`);
    return 2;
  }
  const deadlineMs = performance.now() + overallTimeoutMs;
  const report = new Report(options.verbose);

  const isWhole = options.words.length === 0 && (options.only === undefined || options.only === 'lint');
  if (isWhole) for (const result of await runCheckSteps()) report.add(result);

  for (const suite of suites) {
    if (options.only !== undefined && options.only !== suite.name) continue;
    const files = selectFiles(suite, options.words);
    const next = files.values();
    const worker = async () => {
      for (const file of next) report.add(await runTestFile(file, deadlineMs));
    };
    await Promise.all(Array.from({ length: suite.concurrency }, worker));
  }
  return report.finish();
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killAllGroups();
    console.error(`stopped by ${signal}`);
    process.exit(signal === 'SIGINT' ? 130 : 143);
  });
}

process.exitCode = await main();
