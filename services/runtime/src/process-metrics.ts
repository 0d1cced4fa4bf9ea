/** What the front door and the bus of a process tell Prometheus. */
import type { BusStats } from '@legacystream/core/ports/bus.ts';
import type { FrontDoorStats } from './front-door/front-door.ts';
import type { Metrics } from './metrics.ts';

export function registerProcessMetrics(metrics: Metrics, door: FrontDoorStats, bus: BusStats): void {
  const counters: readonly (readonly [string, string, () => number])[] = [
    ['legacystream_runtime_tcp_connections_total', 'Connections accepted.', () => door.connections],
    ['legacystream_runtime_requests_malformed_total', 'Requests refused as malformed.', () => door.malformed],
    [
      'legacystream_runtime_requests_late_total',
      'Connections that said nothing in time.',
      () => door.timedOut,
    ],
    ['legacystream_runtime_bus_published_total', 'Messages published.', () => bus.published],
    ['legacystream_runtime_bus_delivered_total', 'Messages delivered.', () => bus.delivered],
    ['legacystream_runtime_bus_dropped_total', 'Messages dropped while disconnected.', () => bus.dropped],
    ['legacystream_runtime_bus_handler_errors_total', 'Handlers that threw.', () => bus.handlerErrors],
  ];
  for (const [name, help, value] of counters)
    metrics.registerCounter(name, help, [], () => [{ value: value() }]);
}
