/** The telemetry port of a server: its metrics, its health, and the drain that an administrator may begin. */

import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import { parseBasicAuth } from '@legacystream/core/protocols/credentials.ts';
import { registerEdgeMetrics } from '@legacystream/edge/edge-metrics.ts';
import { registerIngestMetrics } from '@legacystream/ingest/ingest-metrics.ts';
import { canonicalAddress } from '@legacystream/runtime/client-address.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { Lifecycle } from '@legacystream/runtime/lifecycle.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { Metrics, mergeSnapshots } from '@legacystream/runtime/metrics.ts';
import { registerProcessMetrics } from '@legacystream/runtime/process-metrics.ts';
import {
  createTelemetryServer,
  type DrainControl,
  type HealthChecks,
  type MetricsPage,
  type TelemetryServer,
} from '@legacystream/runtime/telemetry.ts';
import type { BusWatch } from './bus-watch.ts';
import { registerConnectionMetrics, registerForwardingMetrics } from './cluster-metrics.ts';
import type { EdgeThreads } from './edge-threads.ts';
import type { PodApp } from './pod-app.ts';

export type PodTelemetryDeps = {
  readonly settings: Settings;
  readonly app: PodApp;
  readonly bus: Bus;
  readonly store: StateStore;
  readonly log: Log;
  readonly threads: EdgeThreads | undefined;
  readonly ports: { readonly isOpen: boolean };
  readonly lifecycle: Lifecycle;
  readonly busWatch: BusWatch;
};

export function createPodTelemetry(deps: PodTelemetryDeps): TelemetryServer {
  const { port, bindAddress } = deps.settings.telemetry;
  return createTelemetryServer({
    port,
    bindAddress,
    registry: metricsOf(deps),
    checks: checksOf(deps),
    drain: drainOf(deps),
  });
}

/** With edge threads, the sum of what all of them count. */
function metricsOf({ app, bus, store, log, threads }: PodTelemetryDeps): MetricsPage {
  const metrics = new Metrics({
    onCollectError: (error, name) => log.error('metric.failed', { name, error }),
  });
  registerProcessMetrics(metrics, app.frontDoor.stats, bus.stats);
  registerIngestMetrics(metrics, app.ingest);
  registerEdgeMetrics(metrics, app.edge);
  registerForwardingMetrics(metrics, app.splice, app.proxy);
  registerConnectionMetrics(metrics, bus, store);
  if (!threads) return metrics;
  metrics.registerGauge('legacystream_runtime_edge_threads', 'Edge threads that run.', [], () => [
    { value: threads.count },
  ]);
  metrics.registerCounter(
    'legacystream_runtime_edge_restarts_total',
    'Edge threads that crashed.',
    [],
    () => [{ value: threads.restarts }],
  );
  return {
    contentType: metrics.contentType,
    render: async () => mergeSnapshots([await metrics.snapshot(), ...(await threads.snapshots())]),
  };
}

function checksOf({ app, ports, lifecycle, busWatch }: PodTelemetryDeps): HealthChecks {
  return {
    notReady: () => [
      ...(ports.isOpen || lifecycle.isClosing ? [] : ['starting']),
      ...(busWatch.hasBeen ? [] : ['not connected to the bus yet']),
    ],
    closedToNewcomers: () => [
      ...(lifecycle.isClosing ? ['shutting down'] : []),
      ...(app.edge.drain.isDraining ? ['draining'] : []),
      ...(busWatch.isCutOff ? ['cut off from the bus'] : []),
      ...(app.frontDoor.isFull ? ['full'] : []),
    ],
  };
}

function drainOf({ app, threads }: PodTelemetryDeps): DrainControl {
  const { drain } = app.edge;
  return {
    allows: async (authorization, ip) =>
      (await app.access.admin(parseBasicAuth(authorization), canonicalAddress(ip))).granted,
    start: () => {
      threads?.drain(true);
      void drain.start();
    },
    cancel: () => {
      threads?.drain(false);
      drain.cancel();
    },
  };
}
