/**
 * What a client asks of a media playlist by delivery directives (RFC 8216bis §6.2.5): to wait
 * for a segment or part that is still to come, to leave out what it has.
 */
import { type HlsWindow, nextMsn } from '@legacystream/core/hls/hls-window.ts';
import { maxQueryParameters, parseQuery, textOf } from '@legacystream/core/protocols/query.ts';

export type Directives = {
  /** Absent: what there is now. */
  readonly msn?: number;
  readonly part?: number;
  readonly skip: boolean;
  /** The session's word. */
  readonly token?: string;
};

const plain: Directives = { skip: false };
/** Pairs of which nothing is encoded. */
const plainQuery = /^[\w.-]+=[\w.-]*(?:&[\w.-]+=[\w.-]*)*$/;
/** The furthest that may be asked for: segments after the last. */
const maxSegmentsAhead = 2;
/** Parts after the last; as many more as they are shorter than a second. */
const partsAhead = 3;

/** Undefined for directives that make no sense: 400. */
export function parseDirectives(rawQuery: string): Directives | undefined {
  if (rawQuery === '') return plain;
  const text = parametersOf(rawQuery);
  const msnText = text('_HLS_msn');
  const partText = text('_HLS_part');
  const skipText = text('_HLS_skip');
  const token = text('s');
  if (partText !== undefined && msnText === undefined) return undefined;
  const msn = numberOf(msnText);
  const part = numberOf(partText);
  if (Number.isNaN(msn) || Number.isNaN(part)) return undefined;
  // What it does not know it need not obey: a whole playlist is an answer to any of them.
  const skip = skipText === 'YES' || skipText === 'v2';
  return {
    skip,
    ...(msn !== undefined && { msn }),
    ...(part !== undefined && { part }),
    ...(token !== undefined && token.length <= 64 && { token }),
  };
}

/** Whether it is further ahead than a client that follows could be: 400 at once. */
export function isTooFarAhead(window: HlsWindow, { msn, part }: Directives): boolean {
  const next = nextMsn(window);
  if (msn === undefined || msn < next) return false;
  if (msn > next - 1 + maxSegmentsAhead) return true;
  const { partTargetS, open } = window;
  if (part === undefined || partTargetS === 0) return false;
  const lastPart = msn === next ? (open?.parts.length ?? 0) - 1 : -1;
  return part > lastPart + (partTargetS < 1 ? Math.ceil(partsAhead / partTargetS) : partsAhead);
}

/** Whether what is asked for is listed, or something later is (RFC 8216bis §6.2.5.2). */
export function isListed(window: HlsWindow, { msn, part }: Directives): boolean {
  if (msn === undefined) return true;
  const next = nextMsn(window);
  if (msn < next) {
    if (part === undefined || msn < next - 1) return true;
    // A part beyond the last one of a finished segment is the first of the next.
    const parts = window.segments.at(-1)?.parts.length ?? 0;
    return window.partTargetS === 0 || part < parts || (window.open?.parts.length ?? 0) > 0;
  }
  if (msn > next || part === undefined || window.partTargetS === 0) return false;
  return part < (window.open?.parts.length ?? 0);
}

/** The query of a player is plain, and comes several times a second from each. */
function parametersOf(rawQuery: string): (name: string) => string | undefined {
  if (!plainQuery.test(rawQuery)) {
    const query = parseQuery(rawQuery);
    return (name) => {
      const value = query.get(name);
      return value && textOf(value);
    };
  }
  const pairs = rawQuery.split('&', maxQueryParameters);
  return (name) =>
    pairs.find((pair) => pair.startsWith(name) && pair[name.length] === '=')?.slice(name.length + 1);
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}
