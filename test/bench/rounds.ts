/**
 * Measures the servers in turn, round by round, so that whatever else the machine does
 * meets all of them alike. One that is not here is left out, with its reason.
 */
import type { BenchContext } from './bench-context.ts';
import type { Measured, Round } from './result.ts';
import { type ServerName, serverLabels, Unavailable } from './servers/bench-server.ts';

export type RoundOf = (name: ServerName, round: number) => Promise<Round & { readonly version: string }>;

export async function measureRounds(
  bench: BenchContext,
  names: readonly ServerName[],
  measure: RoundOf,
): Promise<Measured> {
  const rounds: Record<ServerName, Round[]> = { ours: [], edge: [], icecast: [], nginx: [], sendLoop: [] };
  const versions: Partial<Record<ServerName, string>> = {};
  const unavailable: Record<string, string> = {};
  for (let round = 0; round < bench.options.rounds; round += 1) {
    for (const name of names) {
      if (unavailable[name] !== undefined) continue;
      bench.say(`round ${round + 1} of ${bench.options.rounds}: ${serverLabels[name]}`);
      try {
        const { version, ...found } = await measure(name, round);
        versions[name] = version;
        rounds[name].push(found);
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        unavailable[name] = error.message;
        bench.say(`${serverLabels[name]} is left out: ${error.message}`);
      }
    }
  }
  return { rounds, versions, unavailable };
}
