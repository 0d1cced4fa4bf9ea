/**
 * Requests that travel over the bus as JSON: to the owner of a mount (`ctl.<mountId>`)
 * and to every edge (`pod.<podId>.edge`). Decoders check the shape: what comes over the
 * bus is not trusted more than what comes from outside.
 */
import { type Codec, codecs } from '../codecs/frame-splitter.ts';

/** To the pod whose session owns a mount. */
export type OwnerRequest =
  | { readonly op: 'takeover' }
  /** From a source that waits hot and could be on air this moment. */
  | { readonly op: 'standby' }
  | { readonly op: 'title'; readonly title: string; readonly artist: string; readonly url: string }
  | { readonly op: 'kill' };

export type OwnerReply =
  | { readonly ok: true; readonly replacements?: number }
  | {
      readonly ok: false;
      readonly reason: string;
      /** To a source that waits: when the one on air makes way if it delivers nothing more. */
      readonly yieldsInMs?: number;
      /** To a source that waits: what it must send if listeners are to stay. */
      readonly codec?: Codec;
      /** To a source that waits: of the session on air. */
      readonly epoch?: number;
    };

/** To an edge. */
export type EdgeRequest =
  | { readonly op: 'clients'; readonly mountId: string }
  | { readonly op: 'kill-client'; readonly mountId: string; readonly id: number }
  | {
      readonly op: 'move-clients';
      readonly mountId: string;
      readonly destinationId: string;
      /** Room that the destination has left in the whole fleet; absent where it has no limit. */
      readonly most?: number;
    };

export type ClientView = {
  readonly id: number;
  readonly ip: string;
  readonly userAgent: string;
  readonly connectedSeconds: number;
  readonly username?: string;
};

export type EdgeReply =
  | {
      readonly ok: true;
      readonly clients?: readonly ClientView[];
      readonly found?: boolean;
      /** Of those who were to be moved to another mount. */
      readonly moved?: number;
      readonly kept?: number;
    }
  | { readonly ok: false; readonly reason: string };

/** Above this a request or reply is not ours: 10,000 clients with long user agents fit. */
const maxMessageBytes = 4 * 1024 * 1024;
/** A title goes into the audio sequence, whose messages are bounded. */
const maxTextLength = 16 * 1024;

export function encodeMessage(message: OwnerRequest | OwnerReply | EdgeRequest | EdgeReply): Uint8Array {
  return Buffer.from(JSON.stringify(message));
}

export function decodeOwnerRequest(data: Uint8Array): OwnerRequest | undefined {
  const value = parseObject(data);
  const op = value?.['op'];
  if (op === 'takeover' || op === 'standby' || op === 'kill') return { op };
  const { title, artist, url } = value ?? {};
  if (op !== 'title') return undefined;
  if (!isText(title) || !isText(artist) || !isText(url)) return undefined;
  return { op: 'title', title, artist, url };
}

export function decodeEdgeRequest(data: Uint8Array): EdgeRequest | undefined {
  const value = parseObject(data);
  const { mountId, id, destinationId, most } = value ?? {};
  if (typeof mountId !== 'string') return undefined;
  if (value?.['op'] === 'clients') return { op: 'clients', mountId };
  if (value?.['op'] === 'kill-client' && Number.isSafeInteger(id))
    return { op: 'kill-client', mountId, id: id as number };
  if (value?.['op'] === 'move-clients' && typeof destinationId === 'string') {
    if (most === undefined) return { op: 'move-clients', mountId, destinationId };
    if (isCount(most)) return { op: 'move-clients', mountId, destinationId, most };
  }
  return undefined;
}

/** A reply; anything that is none counts as a refusal. */
export function decodeReply<T extends OwnerReply | EdgeReply>(data: Uint8Array): T {
  const value = parseObject(data);
  const { ok, reason, yieldsInMs, codec, epoch } = value ?? {};
  if (ok === true && isGranted(value!)) return value as unknown as T;
  if (ok === false && typeof reason === 'string') {
    const isCodec = (codecs as readonly unknown[]).includes(codec);
    return {
      ok,
      reason,
      ...(Number.isFinite(yieldsInMs) && { yieldsInMs }),
      ...(isCodec && { codec }),
      ...(isCount(epoch) && { epoch }),
    } as T;
  }
  return { ok: false, reason: 'unreadable reply' } as T;
}

function isGranted({ replacements, found, clients, moved, kept }: Record<string, unknown>): boolean {
  return (
    (replacements === undefined || Number.isSafeInteger(replacements)) &&
    (found === undefined || typeof found === 'boolean') &&
    (moved === undefined || isCount(moved)) &&
    (kept === undefined || isCount(kept)) &&
    (clients === undefined || (Array.isArray(clients) && clients.every(isClientView)))
  );
}

function isClientView(value: unknown): value is ClientView {
  if (typeof value !== 'object' || value === null) return false;
  const { id, ip, userAgent, connectedSeconds, username } = value as Record<string, unknown>;
  return (
    Number.isSafeInteger(id) &&
    typeof ip === 'string' &&
    typeof userAgent === 'string' &&
    Number.isFinite(connectedSeconds) &&
    (username === undefined || typeof username === 'string')
  );
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxTextLength;
}

function parseObject(data: Uint8Array): Record<string, unknown> | undefined {
  if (data.byteLength > maxMessageBytes) return undefined;
  try {
    const value: unknown = JSON.parse(
      Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'),
    );
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
