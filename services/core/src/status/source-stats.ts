/**
 * The statistics of one mount under Icecast 2.4.4's names, in its order: the one
 * list behind both the XML of the admin interface and the public JSON.
 *
 * A statistic is there only when it is known. What the source says of itself in
 * `ice-audio-info` keeps the names it used; what only the stream's own headers
 * say is given under the names that Icecast uses for that codec.
 */
import { formatIcecastDate, formatIcecastIsoDate } from './icecast-date.ts';
import type { MountStatusView } from './server-status.ts';

export type SourceStat = {
  readonly key: string;
  /** Numbers are what the server counted or measured; whatever a user typed stays text. */
  readonly value: string | number;
  /** Kept from the public JSON. */
  readonly adminOnly: boolean;
};

/** Keys of `ice-audio-info` that are statistics too; others stay inside `audio_info`. */
const audioInfoKeys = new Set([
  'bitrate',
  'channels',
  'quality',
  'samplerate',
  'ice-bitrate',
  'ice-channels',
  'ice-quality',
  'ice-samplerate',
]);

const adminOnlyKeys = new Set([
  'listener_connections',
  'max_listeners',
  'public',
  'slow_listeners',
  'source_ip',
  'total_bytes_read',
  'total_bytes_sent',
  'user_agent',
]);

const maxAudioInfoPairs = 16;

export function sourceStatsOf(view: MountStatusView): SourceStat[] {
  const { state } = view;
  const { info } = state;
  const stats = new Map<string, string | number>();

  const put = (key: string, value: string | number | undefined): void => {
    const known = typeof value === 'number' ? Number.isFinite(value) : value !== undefined && value !== '';
    if (known) stats.set(key, value as string | number);
  };
  putAudio(view, put);
  put('genre', info.genre || 'various');
  if (view.listenerConnections > 0) put('listener_connections', count(view.listenerConnections));
  put('listener_peak', count(view.listenerPeak));
  put('listeners', count(view.listeners));
  put('listenurl', view.listenUrl);
  put('max_listeners', state.maxListeners === null ? 'unlimited' : count(state.maxListeners));
  put('public', info.public ? 1 : 0);
  put('server_description', info.description || 'Unspecified description');
  put('server_name', info.name || 'Unspecified name');
  put('server_type', state.contentType);
  put('server_url', info.url);
  put('slow_listeners', count(view.slowListeners));
  put('source_ip', state.sourceIp);
  put('stream_start', formatIcecastDate(state.startedAtMs));
  put('stream_start_iso8601', formatIcecastIsoDate(state.startedAtMs));
  put('subtype', info.subtype);
  putTitle(view, stats);
  put('total_bytes_read', count(state.bytesRead));
  put('total_bytes_sent', count(view.bytesSent));
  put('user_agent', state.userAgent);

  return [...stats]
    .map(([key, value]) => ({ key, value, adminOnly: adminOnlyKeys.has(key) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

type Put = (key: string, value: string | number | undefined) => void;

function putAudio({ state: { codec, info } }: MountStatusView, put: Put): void {
  const declared = parseAudioInfo(info.audioInfo ?? '');
  put('audio_info', info.audioInfo);
  for (const [key, value] of declared) put(key, value);
  if (codec === 'ogg-vorbis' || codec === 'ogg-speex') {
    if (info.bitrateKbps !== undefined) put('audio_bitrate', info.bitrateKbps * 1000);
    put('audio_channels', info.channels);
    put('audio_samplerate', info.sampleRateHz);
    if (!declared.has('bitrate')) put('ice-bitrate', info.bitrateKbps);
    return;
  }
  put('bitrate', info.bitrateKbps ?? declared.get('bitrate') ?? declared.get('ice-bitrate'));
  if (!declared.has('samplerate') && !declared.has('ice-samplerate'))
    put('ice-samplerate', info.sampleRateHz);
  if (!declared.has('channels') && !declared.has('ice-channels')) put('ice-channels', info.channels);
}

/** Ogg streams keep artist and title apart; the others only ever had the joined line. */
function putTitle(
  { state: { codec, nowPlaying } }: MountStatusView,
  stats: Map<string, string | number>,
): void {
  const apart = codec.startsWith('ogg') && nowPlaying.title !== '';
  if (apart && nowPlaying.artist !== '') stats.set('artist', nowPlaying.artist);
  const title = apart ? nowPlaying.title : nowPlaying.display;
  if (title !== '' || nowPlaying.sinceMs > 0) stats.set('title', title);
}

function parseAudioInfo(text: string): Map<string, string | number> {
  const pairs = new Map<string, string | number>();
  for (const pair of text.split(';', maxAudioInfoPairs)) {
    const equals = pair.indexOf('=');
    const key = pair.slice(0, Math.max(0, equals)).trim().toLowerCase();
    const value = pair.slice(equals + 1).trim();
    if (audioInfoKeys.has(key)) pairs.set(key, /^(?:0|[1-9]\d{0,8})$/.test(value) ? Number(value) : value);
  }
  return pairs;
}

/** Counts are whole and never negative, whatever a racing sum made of them. */
function count(value: number): number {
  return Number.isFinite(value) ? Math.max(0, Math.trunc(value)) : 0;
}
