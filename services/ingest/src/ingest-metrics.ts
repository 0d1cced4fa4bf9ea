/** What ingest tells Prometheus. */
import type { Metrics } from '@legacystream/runtime/metrics.ts';
import type { IngestApp } from './app.ts';

export function registerIngestMetrics(metrics: Metrics, { registry, hls }: IngestApp): void {
  metrics.registerCounter('legacystream_ingest_hls_segments_total', 'HLS segments made.', [], () => [
    { value: hls.stats.segments },
  ]);
  metrics.registerCounter(
    'legacystream_ingest_hls_store_failures_total',
    'HLS segments, parts and windows that did not reach the store.',
    [],
    () => [{ value: hls.stats.storeFailures }],
  );
  metrics.registerGauge('legacystream_ingest_sources_active', 'Sources on air.', [], () => [
    { value: registry.count },
  ]);
  metrics.registerGauge(
    'legacystream_ingest_sources_standby',
    'Sources that wait for the one on air to fail.',
    [],
    () => [{ value: registry.standbys }],
  );
  metrics.registerCounter(
    'legacystream_ingest_standby_switches_total',
    'Sources put on air that had waited, by what became of the one before: free, silent or unreachable.',
    ['cause'],
    () => [...registry.switches].map(([cause, value]) => ({ labels: { cause }, value })),
  );
  metrics.registerCounter(
    'legacystream_ingest_source_claims_total',
    'Mounts that sources asked for.',
    [],
    () => [{ value: registry.opened }],
  );
  metrics.registerCounter(
    'legacystream_ingest_sources_refused_total',
    'Sources that were not let in, by error code.',
    ['code'],
    () => [...registry.refusals].map(([code, value]) => ({ labels: { code }, value })),
  );
  metrics.registerGauge(
    'legacystream_ingest_received_bytes',
    'Bytes received in the running session.',
    ['mount'],
    () =>
      [...registry.sessions()].map(({ path, bytesRead }) => ({ labels: { mount: path }, value: bytesRead })),
  );
  metrics.registerGauge(
    'legacystream_ingest_skipped_bytes',
    'Bytes of the running session that made no frame.',
    ['mount'],
    () =>
      [...registry.sessions()].map(({ path, mediaStats }) => ({
        labels: { mount: path },
        value: mediaStats.skippedBytes,
      })),
  );
  metrics.registerGauge(
    'legacystream_ingest_resyncs_count',
    'Times the running session lost its frames.',
    ['mount'],
    () =>
      [...registry.sessions()].map(({ path, mediaStats }) => ({
        labels: { mount: path },
        value: mediaStats.resyncs,
      })),
  );
}
