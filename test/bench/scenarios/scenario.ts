/** A scenario: what it measures, with which numbers unless told otherwise, and what it must reach. */
import type { BenchContext, BenchOptions } from '../bench-context.ts';
import type { Budget, Measured, ScenarioResult } from '../result.ts';
import type { ServerName } from '../servers/bench-server.ts';

export type Scenario = {
  readonly name: string;
  readonly summary: string;
  readonly defaults: Partial<BenchOptions>;
  /** The figure whose ratio is the result's. */
  readonly headline: string;
  /** Whose figure ours is compared with; Icecast's unless said. */
  readonly reference?: ServerName;
  /** What its listeners are called, where they are something else. */
  readonly audience?: string;
  /** Measures for as long as its options say; others take what their course takes. */
  readonly hasWindows: boolean;
  measure(bench: BenchContext): Promise<Measured>;
  budgets(result: Omit<ScenarioResult, 'budgets'>): readonly Budget[];
};
