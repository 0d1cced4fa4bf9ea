/**
 * The state document of a mount: written by the owner of its live session, kept in the
 * store under kind `mount`, pushed on the bus whenever it changes, read by every edge
 * and control. JSON-safe; times are wall clock milliseconds.
 */
import { type Codec, codecs } from '../codecs/frame-splitter.ts';

/** `live`: a source is on air. `lingering`: it dropped, listeners are held. `ended`: the mount is gone. */
export type MountStatus = 'live' | 'lingering' | 'ended';

export type NowPlaying = {
  /** What players are shown: `artist - title`, or the title alone, or empty. */
  readonly display: string;
  readonly title: string;
  readonly artist: string;
  /** StreamUrl, or empty. */
  readonly url: string;
  readonly sinceMs: number;
};

export type MountState = {
  readonly path: string;
  readonly status: MountStatus;
  readonly epoch: number;
  /** Grows with every change within an epoch. */
  readonly revision: number;
  readonly podId: string;
  readonly hidden: boolean;
  readonly codec: Codec;
  /** True until the first bytes of a new source have told the codec; nobody can listen before. */
  readonly codecPending?: boolean;
  readonly contentType: string;
  readonly startedAtMs: number;
  /** When the source went; 0 while live. */
  readonly droppedAtMs: number;
  readonly lingerMs: number;
  readonly sourceIp: string;
  readonly userAgent: string;
  /** How the source speaks: `PUT`, `SOURCE`, `SHOUTcast v1`, `file`. */
  readonly protocol: string;
  /** What the source and the configuration say of the stream; absent where unknown. */
  readonly info: StreamInfo;
  readonly nowPlaying: NowPlaying;
  /** The latest titles, newest first, at most 50, the current one included. */
  readonly history: readonly NowPlaying[];
  /** Bytes received from the source in this session, as of the latest revision. */
  readonly bytesRead: number;
  readonly maxListeners: number | null;
};

export type StreamInfo = {
  readonly name?: string;
  readonly description?: string;
  readonly genre?: string;
  readonly url?: string;
  readonly public?: boolean;
  readonly bitrateKbps?: number;
  /** `ice-audio-info` as sent, percent-decoded: `samplerate=44100;channels=2`. */
  readonly audioInfo?: string;
  readonly sampleRateHz?: number;
  readonly channels?: number;
  readonly subtype?: string;
};

const maxStateBytes = 256 * 1024;
const statuses: readonly MountStatus[] = ['live', 'lingering', 'ended'];
const textFields = ['path', 'podId', 'contentType', 'sourceIp', 'userAgent', 'protocol'] as const;
const numberFields = ['epoch', 'revision', 'startedAtMs', 'droppedAtMs', 'lingerMs', 'bytesRead'] as const;
const infoFields: Readonly<Record<keyof StreamInfo, 'string' | 'number' | 'boolean'>> = {
  name: 'string',
  description: 'string',
  genre: 'string',
  url: 'string',
  public: 'boolean',
  bitrateKbps: 'number',
  audioInfo: 'string',
  sampleRateHz: 'number',
  channels: 'number',
  subtype: 'string',
};

/** Reads a state document from the bus or the store; undefined for anything that is none. */
export function decodeMountState(data: Uint8Array): MountState | undefined {
  if (data.byteLength > maxStateBytes) return undefined;
  try {
    const value = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'));
    return isMountState(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isMountState(value: unknown): value is MountState {
  if (typeof value !== 'object' || value === null) return false;
  const state = value as Record<string, unknown>;
  const hasTexts = textFields.every((field) => typeof state[field] === 'string');
  const hasNumbers = numberFields.every((field) => Number.isFinite(state[field]));
  return (
    hasTexts &&
    hasNumbers &&
    (state['path'] as string).startsWith('/') &&
    statuses.includes(state['status'] as MountStatus) &&
    (codecs as readonly unknown[]).includes(state['codec']) &&
    typeof state['hidden'] === 'boolean' &&
    ['boolean', 'undefined'].includes(typeof state['codecPending']) &&
    (state['maxListeners'] === null || Number.isFinite(state['maxListeners'])) &&
    isStreamInfo(state['info']) &&
    isNowPlaying(state['nowPlaying']) &&
    Array.isArray(state['history']) &&
    state['history'].every(isNowPlaying)
  );
}

function isStreamInfo(value: unknown): value is StreamInfo {
  if (typeof value !== 'object' || value === null) return false;
  const info = value as Record<string, unknown>;
  return Object.entries(infoFields).every(([field, type]) =>
    [type, 'undefined'].includes(typeof info[field]),
  );
}

/** Reads the payload of a metadata message; undefined for anything that is none. */
export function decodeNowPlaying(data: Uint8Array): NowPlaying | undefined {
  try {
    const value: unknown = JSON.parse(
      Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'),
    );
    return isNowPlaying(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isNowPlaying(value: unknown): value is NowPlaying {
  if (typeof value !== 'object' || value === null) return false;
  const { display, title, artist, url, sinceMs } = value as Record<string, unknown>;
  return [display, title, artist, url].every((text) => typeof text === 'string') && Number.isFinite(sinceMs);
}
