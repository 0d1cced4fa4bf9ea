/**
 * What a scenario found: for each server the median of its rounds, how far the rounds lie
 * apart, and whether what its listeners were sent was right. A server that could not be
 * measured is null, with the reason beside it.
 */
import { addCounts, type CheckCounts, isFlawless, noCounts } from './load/frame-checker.ts';
import type { Machine } from './machine.ts';
import type { ServerName } from './servers/bench-server.ts';
import { median, rounded, type Spread, spread } from './statistics.ts';

/** Figures of one server in one round, by name; names end in their unit. */
export type Figures = Readonly<Record<string, number>>;

export type Round = {
  readonly figures: Figures;
  /** Of listeners that must miss nothing. */
  readonly checks?: CheckCounts;
  /** Of listeners that were slow on purpose. */
  readonly slowChecks?: CheckCounts;
  /** Listeners that the server dropped though they read everything. */
  readonly dropped?: number;
};

export type Correctness = CheckCounts & { readonly isFlawless: boolean; readonly dropped: number };

export type ServerResult = {
  readonly version: string;
  readonly spread: Readonly<Record<string, Spread>>;
  readonly correctness?: Correctness;
  readonly slowCorrectness?: Correctness;
  /** The median of each figure, under its own name. */
  readonly [figure: string]: unknown;
};

export type Budget = {
  readonly what: string;
  readonly value: number;
  /** At most, unless `isAtLeast`. */
  readonly limit: number;
  readonly isAtLeast?: boolean;
  readonly unit: string;
  readonly isMet: boolean;
};

export type ScenarioResult = {
  readonly scenario: string;
  readonly listeners: number;
  readonly rounds: number;
  /** Of each server in each round; null where the course of events decides. */
  readonly windowSeconds: number | null;
  readonly measuredAt: string;
  readonly machine: Machine;
  readonly ours: ServerResult | null;
  /** Missing in results of before it was measured by itself. */
  readonly edge?: ServerResult | null;
  readonly icecast: ServerResult | null;
  /** Missing in results of before there was nginx. */
  readonly nginx?: ServerResult | null;
  readonly sendLoop: ServerResult | null;
  /** Of the scenario's headline, ours to the reference's: the median of the rounds' ratios. */
  readonly headline: string;
  readonly ratio: number | null;
  readonly ratioToSendLoop: number | null;
  readonly ratioSpread: Readonly<Record<string, Spread>>;
  readonly unavailable: Readonly<Record<string, string>>;
  readonly budgets: readonly Budget[];
};

export type Measured = {
  readonly rounds: Readonly<Record<ServerName, readonly Round[]>>;
  readonly versions: Readonly<Partial<Record<ServerName, string>>>;
  readonly unavailable: Readonly<Record<string, string>>;
};

export function serverResult(version: string, rounds: readonly Round[]): ServerResult {
  const spreads: Record<string, Spread> = {};
  const medians: Record<string, number> = {};
  for (const name of Object.keys(rounds[0]?.figures ?? {})) {
    const values = rounds.flatMap(({ figures }) => figures[name] ?? []).map((value) => rounded(value));
    medians[name] = rounded(median(values));
    spreads[name] = spread(values);
  }
  const checks = correctness(rounds, 'checks');
  const slowChecks = correctness(rounds, 'slowChecks');
  return {
    ...medians,
    version,
    ...(checks ? { correctness: checks } : {}),
    ...(slowChecks ? { slowCorrectness: slowChecks } : {}),
    spread: spreads,
  };
}

/** Ours to another's, round by round. */
export function ratios(ours: readonly Round[], theirs: readonly Round[], headline: string): number[] {
  return ours.flatMap(({ figures }, i) => {
    const other = theirs[i]?.figures[headline];
    const own = figures[headline];
    return own === undefined || !other ? [] : rounded(own / other);
  });
}

export function budget(
  what: string,
  value: number | undefined | null,
  limit: number,
  unit: string,
): Budget[] {
  return typeof value === 'number'
    ? [{ what, value: rounded(value), limit: rounded(limit), unit, isMet: value <= limit }]
    : [];
}

/** As {@link budget}, for what must be reached. */
export function target(
  what: string,
  value: number | undefined | null,
  limit: number,
  unit: string,
): Budget[] {
  return budget(what, value, limit, unit).map((made) => ({
    ...made,
    isAtLeast: true,
    isMet: value! >= limit,
  }));
}

/** A figure's median, if the server has it. */
export function figureOf(result: ServerResult | null | undefined, name: string): number | undefined {
  const value = result?.[name];
  return typeof value === 'number' ? value : undefined;
}

function correctness(rounds: readonly Round[], which: 'checks' | 'slowChecks'): Correctness | undefined {
  const total = noCounts();
  const found = rounds.flatMap((round) => round[which] ?? []);
  if (found.length === 0) return undefined;
  for (const checks of found) addCounts(total, checks);
  const dropped = which === 'checks' ? rounds.reduce((sum, round) => sum + (round.dropped ?? 0), 0) : 0;
  return { ...total, dropped, isFlawless: isFlawless(total, which === 'slowChecks') && dropped === 0 };
}
