/** What a server tells Prometheus of the bus, the store and whom it passes on. */
import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import type { ControlProxy } from '@legacystream/edge/control-proxy.ts';
import type { SourceSplice } from '@legacystream/edge/source-splice.ts';
import type { Metrics } from '@legacystream/runtime/metrics.ts';
import { NatsBus } from '@legacystream/runtime/nats-bus/nats-bus.ts';
import { RedisStateStore } from '@legacystream/runtime/redis-store/redis-state-store.ts';

type Entry = readonly [name: string, help: string, read: () => number];

/** The connections of the process itself; threads have theirs through it. */
export function registerConnectionMetrics(metrics: Metrics, bus: Bus, store: StateStore): void {
  gauge(metrics, [
    'legacystream_runtime_bus_connected',
    'Whether the bus can be reached.',
    () => Number(bus.connected),
  ]);
  gauge(metrics, [
    'legacystream_runtime_store_connected',
    'Whether the store can be reached.',
    () => Number(store.connected),
  ]);
  if (bus instanceof NatsBus) {
    const { stats } = bus;
    counters(metrics, [
      [
        'legacystream_runtime_bus_reconnects_total',
        'Connections to NATS after the first.',
        () => stats.reconnects,
      ],
      ['legacystream_runtime_bus_republished_total', 'Audio messages sent again.', () => stats.republished],
      [
        'legacystream_runtime_bus_history_failures_total',
        'Reads of recent audio that failed.',
        () => stats.historyFailures,
      ],
    ]);
  }
  if (store instanceof RedisStateStore) {
    counters(metrics, [
      ['legacystream_runtime_store_commands_total', 'Commands to the store.', () => store.stats.commands],
      ['legacystream_runtime_store_failures_total', 'Commands that failed.', () => store.stats.failures],
      [
        'legacystream_runtime_store_timeouts_total',
        'Commands without an answer in time.',
        () => store.stats.timeouts,
      ],
      [
        'legacystream_runtime_store_reconnects_total',
        'Connections after the first.',
        () => store.stats.reconnects,
      ],
      [
        'legacystream_runtime_store_malformed_total',
        'Documents that were none.',
        () => store.stats.malformed,
      ],
      [
        'legacystream_runtime_store_unreplicated_total',
        'Leases that no replica confirmed in time.',
        () => store.stats.unreplicated,
      ],
    ]);
  }
}

export function registerForwardingMetrics(
  metrics: Metrics,
  splice: SourceSplice | undefined,
  proxy: ControlProxy | undefined,
): void {
  if (splice) {
    const { stats } = splice;
    gauge(metrics, [
      'legacystream_edge_spliced_sources_active',
      'Sources that are passed on to an ingest.',
      () => stats.open,
    ]);
    counters(metrics, [
      ['legacystream_edge_spliced_sources_total', 'Sources passed on.', () => stats.opened],
      ['legacystream_edge_splice_refusals_total', 'Sources that no ingest took.', () => stats.refused],
      ['legacystream_edge_spliced_bytes_total', 'Bytes from sources passed on.', () => stats.bytesToIngest],
    ]);
  }
  if (proxy) {
    const { stats } = proxy;
    counters(metrics, [
      ['legacystream_edge_proxied_requests_total', 'Requests passed on to control.', () => stats.requests],
      [
        'legacystream_edge_proxy_failures_total',
        'Of these, those that control did not answer.',
        () => stats.failed,
      ],
    ]);
  }
}

function gauge(metrics: Metrics, [name, help, read]: Entry): void {
  metrics.registerGauge(name, help, [], () => [{ value: read() }]);
}

function counters(metrics: Metrics, entries: readonly Entry[]): void {
  for (const [name, help, read] of entries)
    metrics.registerCounter(name, help, [], () => [{ value: read() }]);
}
