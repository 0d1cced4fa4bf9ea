/**
 * `npm run bench -- <scenario>`: measures this server beside Icecast, nginx and a plain send
 * loop and prints what it found. Figures go to standard output, progress to standard error;
 * whatever it started is gone when it ends, however it ends.
 */
import { writeFile } from 'node:fs/promises';
import { writeDocuments } from './benchmark-documents.ts';
import { Cleanup } from './cleanup.ts';
import { type CommandLine, parseCommandLine, usage } from './command-line.ts';
import { placeThisProcess } from './placement.ts';
import { renderMachine, renderResult } from './report.ts';
import type { ScenarioResult } from './result.ts';
import { runScenario } from './run-scenario.ts';
import { scenarios } from './scenario-table.ts';

const usageStatus = 2;
const longestRunMs = 4 * 3_600_000;

async function run(line: CommandLine, cleanup: Cleanup, isStopped: () => boolean): Promise<number> {
  placeThisProcess();
  const chosen = scenarios.filter(({ name }) => line.scenario === 'all' || line.scenario === name);
  const results: ScenarioResult[] = [];
  let status = 0;
  for (const scenario of chosen) {
    try {
      results.push(await runScenario(scenario, line.given, cleanup));
    } catch (error) {
      // What was in the middle of something fails when its servers are stopped.
      if (isStopped()) return 1;
      // The other scenarios are still worth their time.
      process.stderr.write(
        `bench: ${scenario.name} failed: ${error instanceof Error ? error.message : error}\n`,
      );
      status = 1;
      await cleanup.run();
    }
  }
  if (line.write && results.length > 0) await writeDocuments(results);
  const [only] = results;
  const found = line.scenario === 'all' ? { scenario: 'all', results } : only;
  if (!found) return 1;
  if (line.out !== undefined) await writeFile(line.out, `${JSON.stringify(found, undefined, 2)}\n`);
  if (line.json) process.stdout.write(`${JSON.stringify(found)}\n`);
  else {
    for (const result of results) process.stdout.write(`${renderResult(result)}\n\n`);
    if (only) process.stdout.write(`${renderMachine(only.machine)}\n`);
  }
  return status;
}

async function main(): Promise<number> {
  let line: CommandLine | 'help';
  try {
    line = parseCommandLine(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : error}\n\n${usage}\n`);
    return usageStatus;
  }
  if (line === 'help') {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const cleanup = new Cleanup();
  let breakingOff: Promise<number> | undefined;
  const breakOff = (why: string, status: number) => {
    process.stderr.write(`bench: ${why}\n`);
    breakingOff ??= cleanup.run().then(() => process.exit(status));
  };
  process.once('SIGINT', () => breakOff('stopped', 130));
  process.once('SIGTERM', () => breakOff('stopped', 143));
  setTimeout(() => breakOff('took too long', 1), longestRunMs).unref();
  const status = await run(line, cleanup, () => breakingOff !== undefined);
  await cleanup.run();
  return (await breakingOff) ?? status;
}

process.exit(await main());
