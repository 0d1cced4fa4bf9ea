/** All scenarios, in the order in which `all` runs them. */
import { fanout, fanoutIcy, fanoutTls } from './scenarios/fanout.ts';
import { hls } from './scenarios/hls.ts';
import { ingest } from './scenarios/ingest.ts';
import { latency } from './scenarios/latency.ts';
import { lowLatency } from './scenarios/low-latency.ts';
import { memory } from './scenarios/memory.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { slowClients } from './scenarios/slow-clients.ts';
import { soak } from './scenarios/soak.ts';
import { start } from './scenarios/start.ts';
import { storm } from './scenarios/storm.ts';

export const scenarios: readonly Scenario[] = [
  fanout,
  fanoutIcy,
  fanoutTls,
  latency,
  storm,
  slowClients,
  memory,
  ingest,
  hls,
  lowLatency,
  start,
  soak,
];
