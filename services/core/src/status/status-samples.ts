/**
 * Made-up servers and mounts for the tests of whoever renders status: one plain
 * MP3 mount on air, to be varied, and a server that has just started.
 */
import type { MountState, NowPlaying } from '../mounts/mount-state.ts';
import type { MountStatusView, ServerStatus } from './server-status.ts';

export const sampleStartMs = Date.UTC(2026, 10, 22, 15, 7, 42);

export function sampleServer(changes: Partial<ServerStatus> = {}): ServerStatus {
  return {
    admin: 'icemaster@localhost',
    host: 'localhost',
    location: 'Earth',
    serverId: 'LegacyStream 0.1.0',
    startedAtMs: sampleStartMs,
    clientConnections: 0,
    clients: 0,
    connections: 0,
    fileConnections: 0,
    listenerConnections: 0,
    listeners: 0,
    sourceClientConnections: 0,
    sourceRelayConnections: 0,
    sourceTotalConnections: 0,
    sources: 0,
    stats: 0,
    statsConnections: 0,
    ...changes,
  };
}

/** `state` and `view` change the mount, `nowPlaying` what it plays. */
export function sampleMount(
  state: Partial<MountState> = {},
  view: Partial<Omit<MountStatusView, 'state'>> = {},
  nowPlaying: Partial<NowPlaying> = {},
): MountStatusView {
  const path = state.path ?? '/a.mp3';
  return {
    state: {
      path,
      status: 'live',
      epoch: 1,
      revision: 1,
      podId: 'pod-1',
      hidden: false,
      codec: 'mp3',
      contentType: 'audio/mpeg',
      startedAtMs: sampleStartMs + 2000,
      droppedAtMs: 0,
      lingerMs: 10_000,
      sourceIp: '127.0.0.1',
      userAgent: 'Lavf/59.27.100',
      protocol: 'PUT',
      info: {},
      nowPlaying: { display: '', title: '', artist: '', url: '', sinceMs: 0, ...nowPlaying },
      history: [],
      bytesRead: 0,
      maxListeners: null,
      ...state,
    },
    listeners: 0,
    listenerPeak: 0,
    listenerConnections: 0,
    slowListeners: 0,
    bytesSent: 0,
    listenUrl: `http://localhost:18244${path}`,
    ...view,
  };
}
