/**
 * The state document with which a source session begins: what the source said of its
 * stream, what the configuration says over it, and the titles that are still true.
 */
import { contentTypeOf } from '@legacystream/core/codecs/sniff-codec.ts';
import type { MountState, NowPlaying, StreamInfo } from '@legacystream/core/mounts/mount-state.ts';
import { type NowPlayingLog, noTitle } from '@legacystream/core/titles/now-playing-log.ts';
import type { MountSettings } from '@legacystream/runtime/config/mount-schema.ts';

/** What a source says of itself before it sends audio. */
export type SourceDescription = {
  readonly path: string;
  readonly protocol: string;
  readonly contentType: string | undefined;
  readonly info: StreamInfo;
  readonly ip: string;
  readonly userAgent: string;
};

/** A title set shortly before the source dropped is still the title when it is back. */
const titleKeptMs = 60_000;

export function keptTitle(previous: MountState | undefined, nowMs: number): NowPlaying {
  if (!previous?.nowPlaying) return noTitle;
  const isRecent =
    previous.status === 'live' || nowMs - previous.droppedAtMs < titleKeptMs + previous.lingerMs;
  return isRecent ? previous.nowPlaying : noTitle;
}

export function initialState(
  settings: MountSettings,
  source: SourceDescription,
  session: { readonly epoch: number; readonly podId: string; readonly nowMs: number },
  titles: NowPlayingLog,
  previous: MountState | undefined,
): MountState {
  // Until the first bytes tell, the stream is what it was: a source that is back changes nothing for listeners.
  const known = previous?.status === 'ended' || previous?.codecPending ? undefined : previous?.codec;
  const codec = known ?? 'opaque';
  return {
    path: source.path,
    status: 'live',
    epoch: session.epoch,
    revision: 1,
    podId: session.podId,
    hidden: settings.hidden,
    codec,
    codecPending: known === undefined,
    contentType: contentTypeOf(codec, source.contentType),
    startedAtMs: session.nowMs,
    droppedAtMs: 0,
    lingerMs: settings.linger * 1000,
    sourceIp: source.ip,
    userAgent: source.userAgent,
    protocol: source.protocol,
    info: {
      ...source.info,
      ...definedOf({
        name: settings.name || undefined,
        description: settings.description || undefined,
        genre: settings.genre || undefined,
        url: settings.url || undefined,
        public: settings.public === 'auto' ? source.info.public : settings.public === 'true',
        bitrateKbps: settings.bitrate || source.info.bitrateKbps,
      }),
    },
    nowPlaying: titles.current,
    history: titles.history,
    bytesRead: 0,
    maxListeners: settings.maxListeners || null,
  };
}

/** Leaves out what is undefined, so that it cannot overwrite what is known. */
export function definedOf<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
