/** The arguments of `npm run bench`. */
import { parseArgs } from 'node:util';
import type { BenchOptions } from './bench-context.ts';
import { scenarios } from './scenario-table.ts';

export type CommandLine = {
  readonly scenario: string;
  /** What was given; everything else is the scenario's own default. */
  readonly given: Partial<BenchOptions>;
  readonly json: boolean;
  readonly out: string | undefined;
  /** Puts the result into the documents. */
  readonly write: boolean;
};

const names = [...scenarios.map(({ name }) => name), 'all'];

export const usage = `usage: npm run bench -- <scenario> [options]

scenarios:
${scenarios.map(({ name, summary }) => `  ${name.padEnd(14)} ${summary}`).join('\n')}
  ${'all'.padEnd(14)} each of them; writes docs/benchmarks.md and docs/benchmarks.json

options:
  --listeners N   listeners, at most 17000; hls: connections, at most 4000
  --seconds S     seconds measured for each server, over all rounds together
  --rounds R      rounds, in each of which every server has its turn (3)
  --rate N        storm: connections a second
  --sources N     ingest: encoders
  --mounts N      memory: idle mounts
  --set KEY=VALUE a setting of LegacyStream; may be repeated
  --profile DIR   write a CPU profile of LegacyStream for each window into the folder
  --json          print one JSON object instead of tables
  --out FILE      also write the JSON to a file
  --write         put the result into docs/benchmarks.md and docs/benchmarks.json
  --help          this text`;

const maxSeconds = 86_400;

/** @throws Error with a sentence for the user */
export function parseCommandLine(args: readonly string[]): CommandLine | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      listeners: { type: 'string' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      rate: { type: 'string' },
      sources: { type: 'string' },
      mounts: { type: 'string' },
      set: { type: 'string', multiple: true },
      profile: { type: 'string' },
      json: { type: 'boolean', default: false },
      out: { type: 'string' },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const [scenario, ...more] = positionals;
  if (scenario === undefined || more.length > 0) throw new Error('name one scenario');
  if (!names.includes(scenario)) throw new Error(`no scenario is called ${scenario}`);

  const given: Partial<Record<keyof BenchOptions, unknown>> = {};
  const number = (name: keyof BenchOptions, text: string | undefined, max: number) => {
    if (text === undefined) return;
    if (!/^\d+$/.test(text) || Number(text) < 1 || Number(text) > max) {
      throw new Error(`${name} is a whole number from 1 to ${max}, not ${text}`);
    }
    given[name] = Number(text);
  };
  // Watchers and spare files come on top of it.
  number('listeners', values.listeners, 17_000);
  number('seconds', values.seconds, maxSeconds);
  number('rounds', values.rounds, 100);
  number('rate', values.rate, 20_000);
  number('sources', values.sources, 4_000);
  number('mounts', values.mounts, 4_000);
  if (values.set) given.set = values.set;
  if (values.profile !== undefined) given.profileFolder = values.profile;
  return {
    scenario,
    given: given as Partial<BenchOptions>,
    json: values.json,
    out: values.out,
    write: values.write || scenario === 'all',
  };
}
