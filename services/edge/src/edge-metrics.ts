/** What an edge tells Prometheus. */
import type { WheelStats } from '@legacystream/core/fanout/delivery-wheel.ts';
import type { Metrics } from '@legacystream/runtime/metrics.ts';
import type { EdgeApp } from './app.ts';
import type { AudioSequenceStats } from './audio-sequence.ts';
import { registerHlsMetrics } from './hls/hls-metrics.ts';

export function registerEdgeMetrics(
  metrics: Metrics,
  { registry, hub, waitingRoom, directory, hls, bans, gate, auth }: EdgeApp,
): void {
  registerHlsMetrics(metrics, hls);
  const total = (field: keyof WheelStats | keyof AudioSequenceStats) => () => {
    const closed: Readonly<Partial<Record<typeof field, number>>> = hub.closedTotals;
    let value = closed[field] || 0;
    for (const channel of hub.channels()) value += { ...channel.wheel.stats, ...channel.stats }[field];
    return [{ value }];
  };
  metrics.registerGauge('legacystream_edge_listeners_active', 'Listeners on air.', ['mount'], () =>
    [...registry.snapshot()].map(([mount, { listeners }]) => ({ labels: { mount }, value: listeners })),
  );
  metrics.registerGauge(
    'legacystream_edge_requests_waiting',
    'Requests that wait for a mount to have audio.',
    [],
    () => [{ value: waitingRoom.waiting }],
  );
  metrics.registerCounter(
    'legacystream_edge_listener_connections_total',
    'Listeners that ever came.',
    [],
    () => [{ value: registry.connections }],
  );
  metrics.registerCounter(
    'legacystream_edge_listeners_refused_total',
    'Requests to listen that were answered 403 by a ban or by [Access].',
    ['reason'],
    () => Object.entries(gate.refused).map(([reason, value]) => ({ labels: { reason }, value })),
  );
  metrics.registerCounter(
    'legacystream_edge_listeners_banned_total',
    'Listeners that were ended by a ban.',
    [],
    () => [{ value: gate.ended }],
  );
  metrics.registerCounter(
    'legacystream_edge_listener_auth_total',
    'Listeners of mounts with ListenerAuth that were let in, that were not, and questions that no back end answered.',
    ['outcome'],
    () =>
      (['accepted', 'refused', 'failed'] as const).map((outcome) => ({
        labels: { outcome },
        value: auth.counts[outcome],
      })),
  );
  metrics.registerGauge(
    'legacystream_edge_listener_auth_waiting',
    'Listeners that wait for the answer of a back end.',
    [],
    () => [{ value: auth.pending }],
  );
  metrics.registerCounter(
    'legacystream_edge_listener_auth_reports_lost_total',
    'Listeners who have gone and whose back end could not be told.',
    [],
    () => [{ value: auth.counts.removalsLost }],
  );
  metrics.registerGauge(
    'legacystream_edge_bans_active',
    'Bans that the edge knows.',
    [],
    () => [{ value: bans.size }],
    'max',
  );
  metrics.registerCounter(
    'legacystream_edge_sent_bytes_total',
    'Bytes written to listeners.',
    [],
    total('bytes'),
  );
  metrics.registerCounter(
    'legacystream_edge_socket_writes_total',
    'Writes to listeners.',
    [],
    total('writes'),
  );
  metrics.registerCounter(
    'legacystream_edge_listener_skips_total',
    'Slow listeners moved to live.',
    [],
    total('skips'),
  );
  metrics.registerCounter(
    'legacystream_edge_listener_skipped_bytes_total',
    'Bytes of audio that listeners did not get who were moved to live.',
    [],
    total('skippedBytes'),
  );
  metrics.registerCounter(
    'legacystream_edge_listener_cuts_total',
    'Slow listeners cut off.',
    [],
    total('cuts'),
  );
  metrics.registerCounter(
    'legacystream_edge_messages_lost_total',
    'Audio messages known to be missing.',
    [],
    total('lost'),
  );
  metrics.registerCounter(
    'legacystream_edge_messages_repaired_total',
    'Audio messages that were found missing and came in time after all.',
    [],
    total('repaired'),
  );
  metrics.registerCounter(
    'legacystream_edge_messages_stale_total',
    'Repeated or superseded messages.',
    [],
    total('stale'),
  );
  metrics.registerCounter(
    'legacystream_edge_messages_malformed_total',
    'Messages that were none.',
    [],
    () => [{ value: total('malformed')()[0]!.value + directory.malformed + bans.malformed }],
  );
  metrics.registerGauge(
    'legacystream_edge_delivery_period_seconds',
    'Time between two writes to a listener.',
    ['mount'],
    () =>
      [...hub.channels()].map(({ path, wheel }) => ({
        labels: { mount: path },
        value: wheel.periodMs / 1000,
      })),
  );
  metrics.registerGauge(
    'legacystream_edge_ring_depth_seconds',
    'Audio held for a mount.',
    ['mount'],
    () => [...hub.channels()].map(({ path, depthUs }) => ({ labels: { mount: path }, value: depthUs / 1e6 })),
    'max',
  );
}
