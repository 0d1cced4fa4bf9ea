/**
 * What playlists must keep to (RFC 8216bis, Apple's authoring specification; the clauses are
 * those of the protocol reference, §6): each alone, and all variants beside each other. Every
 * function gives a line for each rule that is broken; nothing is good. How one playlist may
 * follow another is told by playlist-succession.ts.
 */
import { collect, roundingS, type Say, sum } from './broken-rules.ts';
import type {
  MediaPlaylist,
  MultivariantPlaylist,
  PlaylistPart,
  PlaylistSegment,
  SegmentHead,
} from './playlist-reader.ts';

export { applyDelta, checkSame, checkSuccession, type SuccessionContext } from './playlist-succession.ts';

/** Dates follow the clock by steps; more is a jump (§6.1 PROGRAM-DATE-TIME). */
const dateOverlapMs = 1000;

export type PlaylistContext = {
  /** `_HLS_skip` was in the request. */
  readonly askedToSkip?: boolean;
};

export function checkPlaylist(p: MediaPlaylist, context: PlaylistContext = {}): readonly string[] {
  return collect((say) => {
    checkHeader(p, say, context);
    checkServerControl(p, say);
    for (const segment of p.segments) checkSegment(p, segment, say);
    if (p.open) checkSegment(p, p.open, say);
    checkMaps(p, say);
    checkParts(p, say);
    checkDates(p, say);
    checkDateRanges(p, say);
    checkEnd(p, say);
  });
}

function checkHeader(p: MediaPlaylist, say: Say, { askedToSkip }: PlaylistContext): void {
  const isDelta = p.skippedSegments !== undefined;
  const heads = [...p.segments, ...(p.open ? [p.open] : [])];
  const needed = isDelta ? 9 : heads.some(({ map }) => map !== undefined) ? 6 : 3;
  // Before its first segment, and while it lists gaps alone, a playlist of fMP4 has no map yet.
  const names = [...p.segments, ...p.preloadHints].map(({ uri }) => uri);
  const most = !isDelta && names.every(isFragment) ? 6 : needed;
  const clause = '§6.1 EXT-X-VERSION';
  if (p.version < needed) say('VERSION', clause, `${p.version} is too low, ${needed} is needed`);
  if (p.version > most) say('VERSION', clause, `${p.version} is higher than ${most}, which suffices`);
  if (p.playlistType !== undefined) say('PLAYLIST-TYPE', '§6.1 permitted changes', 'in a live playlist');
  const { targetDurationS } = p;
  if (targetDurationS === undefined || targetDurationS < 1) {
    say('TARGETDURATION', '§6.1 TARGETDURATION', 'absent or below 1');
  }
  for (const { uri, durationS } of p.segments) {
    if (Math.round(durationS) > (targetDurationS ?? 0))
      say(
        'TARGETDURATION',
        '§6.1 TARGETDURATION',
        `${uri} of ${durationS} s, rounded, exceeds ${targetDurationS}`,
      );
  }
  if (!isDelta) return;
  if (!askedToSkip) say('SKIP', '§6.5 Delta', 'in a playlist that was not asked to skip');
  const boundaryS = p.serverControl?.canSkipUntilS;
  if (boundaryS === undefined) say('SKIP', '§6.5 Delta', 'without CAN-SKIP-UNTIL');
  else if (sum(p.segments) < boundaryS - roundingS)
    say(
      'SKIP',
      '§6.5 Delta',
      `only ${sum(p.segments)} s of segments are left, the boundary is ${boundaryS} s`,
    );
  if (p.skippedSegments! < 1) say('SKIP', '§6.5 Delta', 'nothing is skipped');
  if (p.isEnded) say('SKIP', '§6.5 Delta', 'beside ENDLIST');
}

function isFragment(uri: string): boolean {
  return /\.(?:m4s|mp4|m4a)$/.test(uri.split('?')[0]!);
}

function checkServerControl(p: MediaPlaylist, say: Say): void {
  const clause = '§6.5 SERVER-CONTROL';
  const control = p.serverControl;
  const hasParts = p.partTargetS !== undefined;
  if (hasParts && control?.partHoldBackS === undefined)
    say('PART-HOLD-BACK', clause, 'absent beside PART-INF');
  if (!control) return;
  const { targetDurationS = 0, partTargetS = 0 } = p;
  if (hasParts && (control.partHoldBackS ?? 0) < 3 * partTargetS - roundingS)
    say('PART-HOLD-BACK', clause, `${control.partHoldBackS} is below three parts of ${partTargetS}`);
  if (control.holdBackS !== undefined && control.holdBackS < 3 * targetDurationS - roundingS)
    say('HOLD-BACK', clause, `${control.holdBackS} is below three targets of ${targetDurationS}`);
  if (control.canSkipUntilS !== undefined && control.canSkipUntilS < 6 * targetDurationS - roundingS)
    say('CAN-SKIP-UNTIL', clause, `${control.canSkipUntilS} is below six targets of ${targetDurationS}`);
  if (control.canSkipDateRanges && control.canSkipUntilS === undefined)
    say('CAN-SKIP-DATERANGES', clause, 'without CAN-SKIP-UNTIL');
}

function checkSegment(p: MediaPlaylist, segment: SegmentHead, say: Say): void {
  const { tags, msn, parts } = segment;
  const name = `segment ${msn}`;
  if (!tags.includes('PROGRAM-DATE-TIME'))
    say('PROGRAM-DATE-TIME', '§6.1 PROGRAM-DATE-TIME', `none on ${name}`);
  const map = tags.indexOf('MAP');
  const discontinuity = tags.indexOf('DISCONTINUITY');
  if (map >= 0 && map < discontinuity)
    say('DISCONTINUITY before MAP', '§6.1 EXT-X-DISCONTINUITY', `the other way round on ${name}`);
  const firstPart = tags.indexOf('PART');
  for (const tag of ['PROGRAM-DATE-TIME', 'MAP', 'DISCONTINUITY']) {
    if (firstPart >= 0 && tags.indexOf(tag) > firstPart)
      say('tags before parts', "§6.5 a part's segment", `${tag} of ${name} comes after its first part`);
  }
  if (!('uri' in segment)) return;
  const { uri, durationS } = segment as PlaylistSegment;
  if (durationS <= 0) say('EXTINF', '§6.1 EXTINF', `${uri} lasts ${durationS} s`);
  if (parts.length > 0 && Math.abs(sum(parts) - durationS) > roundingS * (parts.length + 1))
    say('parent duration', '§6.5 PART tags', `${uri} lasts ${durationS} s, its parts ${sum(parts)} s`);
  const uris = p.segments.filter((other) => other.uri === uri);
  if (uris.length > 1 && uris[0] === segment)
    say('unique names', '§6.6 Cache-Control', `${uri} is listed twice`);
}

function checkMaps(p: MediaPlaylist, say: Say): void {
  const heads = [...p.segments, ...(p.open ? [p.open] : [])];
  // What is fMP4 says so by its name; packed audio must have no map (§6.2 MIME).
  for (const head of heads) {
    if (head.isGap) continue;
    const uri = 'uri' in head ? (head as PlaylistSegment).uri : (head.parts[0]?.uri ?? '');
    if (isFragment(uri)) {
      if (head.map === undefined)
        say('MAP', '§6.1 EXT-X-DISCONTINUITY', `none in force for segment ${head.msn}`);
      else if (head.isDiscontinuity && !head.tags.includes('MAP'))
        say('MAP', '§6.1 EXT-X-DISCONTINUITY', `not repeated at the discontinuity of segment ${head.msn}`);
    } else if (head.map !== undefined) {
      say('MAP', '§6.2 MIME', `in force for packed audio, segment ${head.msn}`);
    }
  }
  const [first] = p.segments;
  if (
    p.skippedSegments !== undefined &&
    first &&
    !first.isGap &&
    first.map === undefined &&
    isFragment(first.uri)
  )
    say('MAP after SKIP', '§6.5 Delta', 'not repeated');
}

function checkParts(p: MediaPlaylist, say: Say): void {
  const heads: readonly SegmentHead[] = [...p.segments, ...(p.open ? [p.open] : [])];
  const clause = "§6.5 every part's DURATION";
  const { partTargetS, targetDurationS = Number.POSITIVE_INFINITY } = p;
  const totalS = sum(p.segments) + sum(p.open?.parts ?? []);
  let endS = 0;
  const seen = new Set<string>();
  for (const head of heads) {
    endS += 'durationS' in head ? (head as PlaylistSegment).durationS : sum(head.parts);
    if (head.parts.length === 0) continue;
    if (partTargetS === undefined) {
      say('PART-INF', '§6.5 SERVER-CONTROL', `absent, segment ${head.msn} has parts`);
      continue;
    }
    // A segment is closed as a whole, so its parts may be older than they should by that much.
    if (totalS - endS > 4.5 * targetDurationS + roundingS)
      say('old parts', '§6.5 PART tags', `segment ${head.msn} ends ${totalS - endS} s before the end`);
    for (const [i, part] of head.parts.entries()) checkPart(part, i, head, partTargetS, say, clause);
    for (const { uri } of head.parts) {
      if (seen.has(uri)) say('unique names', '§6.6 Cache-Control', `${uri} is listed twice`);
      seen.add(uri);
    }
  }
}

function checkPart(
  part: PlaylistPart,
  index: number,
  head: SegmentHead,
  partTargetS: number,
  say: Say,
  clause: string,
): void {
  const { durationS, uri } = part;
  if (durationS <= 0) say('PART-TARGET', clause, `${uri} lasts ${durationS} s`);
  if (durationS > partTargetS + roundingS)
    say('PART-TARGET', clause, `${uri} of ${durationS} s is longer than ${partTargetS}`);
  const isLast = 'uri' in head && index === head.parts.length - 1;
  const isExcepted = part.isIndependent || part.isGap || isLast || head.parts[index + 1]?.isGap;
  // What follows decides whether it is the last one of a parent that is still open.
  const isUndecided = !('uri' in head) && index === head.parts.length - 1;
  if (!isExcepted && !isUndecided && durationS < 0.85 * partTargetS - roundingS)
    say('PART-TARGET', clause, `${uri} of ${durationS} s is below 85 % of ${partTargetS}`);
}

function checkDates(p: MediaPlaylist, say: Say): void {
  const heads: readonly SegmentHead[] = [...p.segments, ...(p.open ? [p.open] : [])];
  heads.forEach((head, i) => {
    const before = p.segments[i - 1];
    if (!before || before.pdtMs === undefined || head.pdtMs === undefined) return;
    checkDateAfter(before, head, say);
  });
}

function checkDateAfter(before: PlaylistSegment, head: SegmentHead, say: Say): void {
  const clause = '§6.1 PROGRAM-DATE-TIME';
  const endMs = before.pdtMs! + before.durationS * 1000;
  const detail = `segment ${head.msn} is dated ${Math.round(head.pdtMs! - endMs)} ms after the end of the one before`;
  if (head.pdtMs! < before.pdtMs!) say('dates go back', clause, detail);
  else if (head.pdtMs! - endMs < -dateOverlapMs) say('dates overlap', clause, detail);
  else if (!head.isDiscontinuity && head.pdtMs! - endMs > dateOverlapMs) say('dates jump', clause, detail);
}

function checkDateRanges(p: MediaPlaylist, say: Say): void {
  const clause = '§6.6 Now-playing';
  const ids = new Set<string>();
  const starts = new Set<string>();
  const heads: readonly SegmentHead[] = [...p.segments, ...(p.open ? [p.open] : [])];
  if (p.dateRanges.length > 0 && !heads.some(({ pdtMs }) => pdtMs !== undefined))
    say('DATERANGE', clause, 'without any PROGRAM-DATE-TIME');
  for (const { attributes, line } of p.dateRanges) {
    const id = attributes.get('ID');
    const start = attributes.get('START-DATE');
    if (!id) say('DATERANGE', clause, `no ID in line ${line}`);
    else if (ids.has(id)) say('DATERANGE', clause, `ID ${id} twice`);
    ids.add(id ?? '');
    if (start === undefined || Number.isNaN(Date.parse(start)) || !/(?:Z|[+-]\d\d:?\d\d)$/.test(start))
      say('DATERANGE', clause, `no START-DATE in line ${line}`);
    if (!attributes.has('END-ON-NEXT')) continue;
    if (!attributes.has('CLASS')) say('DATERANGE', clause, `END-ON-NEXT without CLASS in line ${line}`);
    if (attributes.has('DURATION') || attributes.has('END-DATE'))
      say('DATERANGE', clause, `END-ON-NEXT beside an end in line ${line}`);
    // Both would last until the next one.
    const place = `${attributes.get('CLASS')} ${Date.parse(start ?? '')}`;
    if (starts.has(place)) say('DATERANGE', clause, `two of a CLASS begin at ${start}`);
    starts.add(place);
  }
}

function checkEnd(p: MediaPlaylist, say: Say): void {
  const clause = '§6.5 Preload hints';
  const types = p.preloadHints.map(({ type }) => type);
  if (new Set(types).size < types.length) say('PRELOAD-HINT', clause, 'two of a type');
  if (p.isEnded && types.length > 0) say('PRELOAD-HINT', clause, 'beside ENDLIST');
  for (const { line, uri } of p.preloadHints) {
    if (line < p.lastMediaLine) say('PRELOAD-HINT', clause, `${uri} stands before the end`);
    if (listedUris(p).has(uri)) say('PRELOAD-HINT', clause, `${uri} is listed already`);
  }
  const hasParts = p.partTargetS !== undefined;
  for (const { uri, lastMsn, lastPart, line } of p.renditionReports) {
    const report = '§6.5 RENDITION-REPORT';
    if (uri === undefined) say('RENDITION-REPORT', report, `no URI in line ${line}`);
    else if (/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(uri))
      say('RENDITION-REPORT', report, `${uri} is not relative`);
    if (lastMsn === undefined) say('RENDITION-REPORT', report, `no LAST-MSN in line ${line}`);
    if (hasParts && lastPart === undefined) say('RENDITION-REPORT', report, `no LAST-PART in line ${line}`);
  }
}

export function listedUris(p: MediaPlaylist): ReadonlySet<string> {
  const heads: readonly SegmentHead[] = [...p.segments, ...(p.open ? [p.open] : [])];
  return new Set([
    ...p.segments.map(({ uri }) => uri),
    ...heads.flatMap(({ parts }) => parts.map(({ uri }) => uri)),
  ]);
}

export function checkMultivariant(p: MultivariantPlaylist): readonly string[] {
  return collect((say) => {
    const clause = '§6.1 Multivariant';
    if (p.variants.length === 0) say('STREAM-INF', clause, 'no variants');
    if (p.version > 6) say('VERSION', '§6.1 EXT-X-VERSION', `${p.version} is higher than 6`);
    if (!p.isIndependent) say('INDEPENDENT-SEGMENTS', clause, 'absent');
    for (const { uri, bandwidthBps, averageBandwidthBps, codecs, attributes } of p.variants) {
      if (bandwidthBps <= 0) say('BANDWIDTH', clause, `${bandwidthBps} for ${uri}`);
      if ((averageBandwidthBps ?? 0) > bandwidthBps)
        say('AVERAGE-BANDWIDTH', clause, `above BANDWIDTH for ${uri}`);
      if (!codecs) say('CODECS', clause, `absent for ${uri}`);
      for (const name of ['RESOLUTION', 'FRAME-RATE']) {
        if (attributes.has(name)) say(name, clause, `on audio: ${uri}`);
      }
    }
    const uris = p.variants.map(({ uri }) => uri);
    if (new Set(uris).size < uris.length) say('STREAM-INF', clause, 'one URI twice');
  });
}

/** What all variants of one multivariant playlist must share; they need not be of the same moment. */
export function checkVariants(playlists: readonly MediaPlaylist[]): readonly string[] {
  return collect((say) => {
    const clause = '§6.1 Across the variants';
    const [first, ...others] = playlists;
    if (!first) return;
    for (const other of others) {
      if (other.targetDurationS !== first.targetDurationS)
        say('TARGETDURATION', clause, `${first.targetDurationS} and ${other.targetDurationS}`);
      const [a, b] = [first, other].map(({ serverControl }) => JSON.stringify(serverControl));
      if (a !== b) say('SERVER-CONTROL', clause, `${a} and ${b}`);
    }
  });
}
