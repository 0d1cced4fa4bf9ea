/** Runs one scenario and makes its result. */
import { BenchContext, type BenchOptions } from './bench-context.ts';
import type { Cleanup } from './cleanup.ts';
import { describeMachine } from './machine.ts';
import { fileLimit } from './placement.ts';
import { ratios, type ScenarioResult, serverResult } from './result.ts';
import type { Scenario } from './scenarios/scenario.ts';
import type { ServerName } from './servers/bench-server.ts';
import { median, rounded, type Spread, spread } from './statistics.ts';

const ordinary: BenchOptions = {
  listeners: 1_000,
  seconds: 30,
  rounds: 3,
  rate: 2_000,
  sources: 500,
  mounts: 1_000,
  set: [],
  profileFolder: undefined,
};

/** Files that a process has open besides its listeners, watchers included. */
const spareFiles = 500;

export async function runScenario(
  scenario: Scenario,
  given: Partial<BenchOptions>,
  cleanup: Cleanup,
): Promise<ScenarioResult> {
  const options = { ...ordinary, ...scenario.defaults, ...given };
  const most = fileLimit() - spareFiles;
  if (options.listeners > most) {
    throw new Error(
      `${options.listeners} listeners are more than the ${most} that \`ulimit -Hn\` has room for`,
    );
  }
  const bench = new BenchContext(options, cleanup);
  const machine = describeMachine();
  const measuredAt = new Date().toISOString();
  bench.say(`${scenario.name}: ${scenario.summary}`);
  const { rounds, versions, unavailable } = await scenario.measure(bench);

  const resultOf = (name: ServerName) =>
    rounds[name].length === 0 ? null : serverResult(versions[name] ?? 'unknown', rounds[name]);
  const reference = scenario.reference ?? 'icecast';
  const toReference = ratios(rounds.ours, rounds[reference], scenario.headline);
  const toSendLoop = ratios(rounds.ours, rounds.sendLoop, scenario.headline);
  const ratioSpread: Record<string, Spread> = {};
  if (toReference.length > 0) ratioSpread[reference] = spread(toReference);
  if (toSendLoop.length > 0) ratioSpread['sendLoop'] = spread(toSendLoop);
  const medianOf = (values: readonly number[]) => (values.length === 0 ? null : rounded(median(values)));
  const result = {
    scenario: scenario.name,
    listeners: options.listeners,
    rounds: options.rounds,
    windowSeconds: scenario.hasWindows ? bench.windowSeconds : null,
    measuredAt,
    machine,
    ours: resultOf('ours'),
    edge: resultOf('edge'),
    icecast: resultOf('icecast'),
    nginx: resultOf('nginx'),
    sendLoop: resultOf('sendLoop'),
    headline: scenario.headline,
    ratio: medianOf(toReference),
    ratioToSendLoop: medianOf(toSendLoop),
    ratioSpread,
    unavailable,
  };
  return { ...result, budgets: scenario.budgets(result) };
}
