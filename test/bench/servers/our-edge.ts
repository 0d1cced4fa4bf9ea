/**
 * One edge of LegacyStream by itself, as in a cluster: what feeds it (an ingest, NATS and
 * Redis, real ones) are other processes, whose memory is not its own.
 */
import { Fleet } from '../../cluster/fleet.ts';
import { missingProgram } from '../../programs.mjs';
import { sourcePassword } from '../../support/server-process.ts';
import type { BenchContext } from '../bench-context.ts';
import { type BenchServer, Unavailable } from './bench-server.ts';
import { countersAt, ownVersion, settlePeriod } from './ours.ts';

export async function startOurEdge(bench: BenchContext): Promise<BenchServer> {
  const missing = missingProgram('nats-server', 'redis-server');
  if (missing) throw new Unavailable(missing);
  const set = ['streaming.sourceTimeout=3600', 'limits.maxSources=5000', ...bench.options.set];
  const fleet = await Fleet.start({ ingests: 1, edges: 1, control: false, set });
  const stop = bench.cleanup.add(() => fleet.stop());
  const [ingest, edge] = [fleet.ingests[0]!, fleet.edges[0]!];
  const counters = () => countersAt(edge.telemetryPort);
  return {
    name: 'edge',
    version: await ownVersion(),
    pid: edge.process.pid!,
    port: edge.httpPort,
    joinsPerSecond: 2_000,
    source: { port: ingest.httpPort, user: 'source', password: sourcePassword },
    settle: () => settlePeriod(counters),
    setTitle: async (mount, title) => {
      const query = new URLSearchParams({ mode: 'updinfo', mount, song: title });
      await ingest.admin(`/admin/metadata?${query}`, { signal: AbortSignal.timeout(5_000) });
    },
    counters,
    pause: () => {},
    resume: () => {},
    stop,
  };
}
