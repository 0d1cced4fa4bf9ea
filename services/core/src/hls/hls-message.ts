/**
 * What a packager publishes on the bus for those who follow a rendition: a change of the
 * window with the bytes that belong to it, the whole window, an initialization section; and what
 * it asks them before it goes on from another's window.
 *
 *     0  u8   version (1)
 *     1  u8   0
 *     2  u16  0
 *     4  u32  length of the head, big-endian
 *     8  head, JSON in UTF-8: {@link HlsMessageHead}
 *     …  payload: the bytes of the part or of the initialization section; else nothing
 *
 * The decoder checks the shape: what comes over the bus or from the store is not trusted
 * more than what comes from outside.
 */
import type {
  HlsChange,
  HlsPart,
  HlsSegment,
  HlsWindow,
  OpenSegment,
  SegmentStart,
  TitleRange,
} from './hls-window.ts';

export type HlsMessageHead =
  /** `revision` is that of the window after the change. */
  | { readonly type: 'change'; readonly epoch: number; readonly revision: number; readonly change: HlsChange }
  | { readonly type: 'window'; readonly window: HlsWindow }
  | { readonly type: 'init'; readonly epoch: number; readonly name: string }
  | HlsTakeover;

/**
 * The session `epoch` goes on from here: nothing of an older one is to be heard any more, and who
 * was told of more than the window of `knownEpoch` and `knownRevision` (0 and 0: of none) is to
 * say so.
 */
export type HlsTakeover = {
  readonly type: 'takeover';
  readonly epoch: number;
  readonly knownEpoch: number;
  readonly knownRevision: number;
};

export type HlsMessage = { readonly head: HlsMessageHead; readonly payload: Uint8Array };

const version = 1;
const prefixBytes = 8;
/** A day of segments of four seconds with their names is below this. */
export const maxHeadBytes = 4 * 1024 * 1024;
/** A part of a second of uncompressed audio of eight channels would be less. */
export const maxPartBytes = 4 * 1024 * 1024;
const maxSegments = 100_000;
const maxParts = 10_000;
const maxTitles = 1_000;
const maxTextLength = 16 * 1024;
const extensions = ['mp3', 'aac', 'm4s'];
const initPattern = /^(?:init-[0-9a-f]{16}\.mp4)?$/;
const latestMs = Date.UTC(9999, 11, 31);
const nothing = new Uint8Array(0);

export function encodeHlsMessage(head: HlsMessageHead, payload: Uint8Array = nothing): Uint8Array {
  const json = Buffer.from(JSON.stringify(head));
  const out = Buffer.allocUnsafe(prefixBytes + json.byteLength + payload.byteLength);
  out.writeUInt32BE(version * 0x1000000, 0);
  out.writeUInt32BE(json.byteLength, 4);
  json.copy(out, prefixBytes);
  out.set(payload, prefixBytes + json.byteLength);
  return out;
}

/** Undefined for anything that {@link encodeHlsMessage} would not have made. */
export function decodeHlsMessage(data: Uint8Array): HlsMessage | undefined {
  const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (view.byteLength < prefixBytes || view.readUInt32BE(0) !== version * 0x1000000) return undefined;
  const headBytes = view.readUInt32BE(4);
  if (headBytes > maxHeadBytes || prefixBytes + headBytes > view.byteLength) return undefined;
  const payload = view.subarray(prefixBytes + headBytes);
  if (payload.byteLength > maxPartBytes) return undefined;
  const head = parse(view.toString('utf8', prefixBytes, prefixBytes + headBytes));
  return isHead(head, payload.byteLength) ? { head, payload } : undefined;
}

/** A window as it is kept in the store; undefined for anything that is none. */
export function checkHlsWindow(value: unknown): HlsWindow | undefined {
  return isWindow(value) ? value : undefined;
}

function isHead(value: unknown, payloadBytes: number): value is HlsMessageHead {
  if (!isRecord(value)) return false;
  switch (value['type']) {
    case 'change':
      return (
        isCount(value['epoch'], 1) && isCount(value['revision'], 1) && isChange(value['change'], payloadBytes)
      );
    case 'window':
      return isWindow(value['window']);
    case 'init':
      return (
        isCount(value['epoch'], 1) && isInitName(value['name']) && value['name'] !== '' && payloadBytes > 0
      );
    case 'takeover':
      return (
        isCount(value['epoch'], 1) && isCount(value['knownEpoch'], 0) && isCount(value['knownRevision'], 0)
      );
    default:
      return false;
  }
}

function isChange(value: unknown, payloadBytes: number): value is HlsChange {
  if (!isRecord(value)) return false;
  switch (value['type']) {
    case 'part':
      return (
        isPart(value['part']) &&
        value['part'].bytes === payloadBytes &&
        (value['start'] === undefined || isStart(value['start']))
      );
    case 'gap':
      return isStart(value['start']) && isDuration(value['durationS']);
    case 'title':
      return isTitle(value['title']);
    case 'segment':
      return true;
    default:
      return false;
  }
}

function isWindow(value: unknown): value is HlsWindow {
  if (!isRecord(value)) return false;
  return (
    value['isOver'] === undefined &&
    (value['container'] === 'packed' || value['container'] === 'fmp4') &&
    extensions.includes(value['extension'] as string) &&
    typeof value['codecs'] === 'string' &&
    /^[\w.,]{1,64}$/.test(value['codecs']) &&
    isCount(value['targetDurationS'], 1) &&
    isDuration(value['partTargetS']) &&
    isDuration(value['windowS']) &&
    isCount(value['epoch'], 1) &&
    isCount(value['revision'], 0) &&
    isCount(value['firstMsn'], 0) &&
    isCount(value['discontinuitySequence'], 0) &&
    isList(value['segments'], maxSegments, isSegment) &&
    (value['open'] === undefined || isOpen(value['open'])) &&
    isList(value['titles'], maxTitles, isTitle)
  );
}

function isSegment(value: unknown): value is HlsSegment {
  return (
    isStart(value) &&
    isDuration((value as HlsSegment).durationS) &&
    isCount((value as HlsSegment).bytes, 0) &&
    isList((value as HlsSegment).parts, maxParts, isPart) &&
    ((value as HlsSegment).partEpoch === undefined || isCount((value as HlsSegment).partEpoch, 1)) &&
    ['boolean', 'undefined'].includes(typeof (value as HlsSegment).gap)
  );
}

function isOpen(value: unknown): value is OpenSegment {
  return isStart(value) && isList((value as OpenSegment).parts, maxParts, isPart);
}

function isStart(value: unknown): value is SegmentStart {
  return (
    isRecord(value) &&
    isCount(value['epoch'], 1) &&
    isTime(value['pdtMs']) &&
    typeof value['discontinuity'] === 'boolean' &&
    isInitName(value['init'])
  );
}

function isPart(value: unknown): value is HlsPart {
  return isRecord(value) && isDuration(value['durationS']) && isCount(value['bytes'], 0);
}

function isTitle(value: unknown): value is TitleRange {
  return (
    isRecord(value) &&
    typeof value['id'] === 'string' &&
    /^[\w-]{1,64}$/.test(value['id']) &&
    isTime(value['startMs']) &&
    [value['title'], value['artist'], value['url']].every(
      (text) => typeof text === 'string' && text.length <= maxTextLength,
    )
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList<T>(value: unknown, most: number, is: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.length <= most && value.every(is);
}

function isInitName(value: unknown): value is string {
  return typeof value === 'string' && initPattern.test(value);
}

function isCount(value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 604_800;
}

/** Within what a date of four digits can say (RFC 3339). */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= latestMs;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
