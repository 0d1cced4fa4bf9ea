/** What an edge tells Prometheus of HLS. */
import type { Metrics } from '@legacystream/runtime/metrics.ts';
import type { WaitingRoom } from '../waiting-room.ts';
import type { HlsFeedStats } from './hls-feed.ts';
import type { HlsFeeds } from './hls-feeds.ts';
import type { HlsHandler } from './hls-handler.ts';
import type { HlsSessions } from './hls-sessions.ts';
import type { SegmentCache } from './segment-cache.ts';

export type HlsParts = {
  readonly handler: HlsHandler;
  readonly feeds: HlsFeeds;
  readonly cache: SegmentCache;
  readonly sessions: HlsSessions;
  readonly waitingRoom: WaitingRoom;
};

export function registerHlsMetrics(
  metrics: Metrics,
  { handler, feeds, cache, sessions, waitingRoom }: HlsParts,
): void {
  metrics.registerCounter(
    'legacystream_edge_hls_requests_total',
    'Requests for HLS: of playlists, of what they list, and those that were refused or not found.',
    ['kind'],
    () => Object.entries(handler.stats).map(([kind, value]) => ({ labels: { kind }, value })),
  );
  metrics.registerGauge(
    'legacystream_edge_hls_requests_waiting',
    'Requests for HLS that wait for what is still to come.',
    [],
    () => [{ value: waitingRoom.waiting }],
  );
  metrics.registerGauge('legacystream_edge_hls_feeds_active', 'Renditions that the edge follows.', [], () => [
    { value: feeds.count },
  ]);
  metrics.registerGauge('legacystream_edge_hls_cache_bytes', 'Segments and parts at hand.', [], () => [
    { value: cache.bytes },
  ]);
  const total = (field: keyof HlsFeedStats) => () => [{ value: feeds.stats[field] }];
  metrics.registerCounter(
    'legacystream_edge_hls_store_reads_total',
    'Segments and parts read from the store.',
    [],
    total('storeReads'),
  );
  metrics.registerCounter(
    'legacystream_edge_hls_window_reads_total',
    'Times that a window was read from the store, at the beginning or because changes were missed.',
    [],
    total('reloads'),
  );
  metrics.registerCounter(
    'legacystream_edge_hls_messages_malformed_total',
    'Messages of packagers, and of other edges about listeners, that were none.',
    [],
    () => [{ value: feeds.stats.malformed + sessions.malformedClaims }],
  );
  metrics.registerCounter(
    'legacystream_edge_hls_messages_stale_total',
    'Repeated or superseded messages of packagers.',
    [],
    total('stale'),
  );
}
