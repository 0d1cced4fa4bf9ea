/**
 * How a media playlist may follow another of the same rendition, and how a delta is merged
 * (RFC 8216bis §6.2; clauses as in playlist-rules.ts).
 */
import { collect, roundingS, type Say, sum } from './broken-rules.ts';
import {
  type DateRange,
  followingMsn,
  type MediaPlaylist,
  type PlaylistPart,
  type PlaylistSegment,
  type SegmentHead,
} from './playlist-reader.ts';

export type SuccessionContext = {
  /** There was nothing to make segments of, or the packager began anew: pace and size are excused. */
  readonly sourceWasAway?: boolean;
  /** Hints whose resource has been fetched. */
  readonly fetchedHints?: ReadonlySet<string>;
};

/**
 * @param elapsedS how long, at least, nothing newer than the last segment of `before` was listed
 *   until `after` was got
 */
export function checkSuccession(
  before: MediaPlaylist,
  after: MediaPlaylist,
  elapsedS: number,
  context: SuccessionContext = {},
): readonly string[] {
  if ((before.skippedSegments ?? after.skippedSegments) !== undefined) throw new Error('merge deltas first');
  return collect((say) => {
    checkConstants(before, after, say);
    if (checkSequences(before, after, say, context)) {
      checkStaying(before, after, say);
      checkOpenGoesOn(before, after, say);
    }
    checkRanges(before, after, say);
    checkPace(before, after, elapsedS, say, context);
    checkHints(before, after, say, context);
    checkOver(before, after, say);
  });
}

function checkConstants(before: MediaPlaylist, after: MediaPlaylist, say: Say): void {
  const constant = (name: string, clause: string, a: unknown, b: unknown) => {
    if (a !== b) say(`${name} is constant`, clause, `${a} became ${b}`);
  };
  constant('TARGETDURATION', '§6.1 TARGETDURATION', before.targetDurationS, after.targetDurationS);
  constant('PART-TARGET', '§6.5 PART-TARGET', before.partTargetS, after.partTargetS);
  const controls = [before, after].map(({ serverControl }) => JSON.stringify(serverControl));
  constant('SERVER-CONTROL', '§6.5 SERVER-CONTROL', controls[0], controls[1]);
}

/** Whether the two have numbers in common, so that their segments can be compared. */
function checkSequences(
  before: MediaPlaylist,
  after: MediaPlaylist,
  say: Say,
  { sourceWasAway }: SuccessionContext,
): boolean {
  const clause = '§6.1 EXT-X-MEDIA-SEQUENCE';
  const left = after.mediaSequence - before.mediaSequence;
  if (left < 0) say('MEDIA-SEQUENCE', clause, `${before.mediaSequence} went back to ${after.mediaSequence}`);
  if (followingMsn(after) < followingMsn(before))
    say(
      'only appends',
      '§6.1 permitted changes',
      `the last segment was ${followingMsn(before) - 1}, is ${followingMsn(after) - 1}`,
    );
  const grownBy = after.discontinuitySequence - before.discontinuitySequence;
  const rule = 'DISCONTINUITY-SEQUENCE';
  const discontinuityClause = '§6.1 EXT-X-DISCONTINUITY-SEQUENCE';
  if (grownBy < 0) say(rule, discontinuityClause, `went back by ${-grownBy}`);
  if (left < 0) return false;
  const leaving = before.segments.slice(0, left).filter(({ isDiscontinuity }) => isDiscontinuity).length;
  const isKnown = left <= before.segments.length;
  if (grownBy >= 0 && (isKnown ? grownBy !== leaving : grownBy < leaving || grownBy > leaving + left))
    say(rule, discontinuityClause, `grew by ${grownBy}, ${leaving} discontinuities left`);
  const keptS = sum(after.segments);
  const leastS = 3 * (after.targetDurationS ?? 0);
  if (left > 0 && !sourceWasAway && keptS < leastS - roundingS)
    say('three target durations stay', '§6.1 Removing', `${keptS} s are left of ${leastS}`);
  return isKnown;
}

function checkStaying(before: MediaPlaylist, after: MediaPlaylist, say: Say): void {
  const clause = '§6.1 permitted changes';
  const firstMsn = after.mediaSequence;
  for (const old of before.segments) {
    const now = after.segments[old.msn - firstMsn];
    if (!now) continue;
    for (const field of ['uri', 'durationS', 'isGap'] as const) {
      if (old[field] !== now[field])
        say(
          'segments do not change',
          clause,
          `${field} of segment ${old.msn}: ${old[field]} became ${now[field]}`,
        );
    }
    compareStart(old, now, say);
    if (now.parts.length > 0) compareParts(old.parts, now.parts, now.msn, say);
    else if (old.parts.length > 0) checkPartsLeft(old, after, say);
  }
}

function compareStart(old: SegmentHead, now: SegmentHead, say: Say): void {
  const clause = '§6.1 permitted changes';
  for (const field of ['pdtMs', 'isDiscontinuity', 'discontinuitySequence'] as const) {
    if (old[field] !== now[field])
      say(
        'segments do not change',
        clause,
        `${field} of segment ${old.msn}: ${old[field]} became ${now[field]}`,
      );
  }
  // In force by a tag that has left, it is said anew, or no longer for what needs none.
  if (old.map !== now.map && !now.isGap && now.map !== undefined)
    say('segments do not change', clause, `map of segment ${old.msn}: ${old.map} became ${now.map}`);
}

function checkPartsLeft(old: PlaylistSegment, after: MediaPlaylist, say: Say): void {
  const behind = after.segments.filter(({ msn }) => msn > old.msn);
  const behindS = sum(behind) + sum(after.open?.parts ?? []);
  if (behindS < 3 * (after.targetDurationS ?? 0) - roundingS)
    say('parts stay', '§6.5 PART tags', `those of segment ${old.msn} left ${behindS} s before the end`);
}

function compareParts(
  old: readonly PlaylistPart[],
  now: readonly PlaylistPart[],
  msn: number,
  say: Say,
): void {
  if (now.length < old.length)
    say('parts do not change', '§6.5 PART tags', `segment ${msn} had ${old.length} parts, has ${now.length}`);
  old.forEach((part, i) => {
    const match = now[i];
    if (match && (match.uri !== part.uri || match.durationS !== part.durationS))
      say(
        'parts do not change',
        '§6.5 PART tags',
        `${part.uri} of ${part.durationS} s became ${match.uri} of ${match.durationS} s`,
      );
  });
}

/** What was being made has more parts now, or has become a segment. */
function checkOpenGoesOn(before: MediaPlaylist, after: MediaPlaylist, say: Say): void {
  const old = before.open;
  if (!old || old.parts.length === 0) return;
  const now =
    after.segments[old.msn - after.mediaSequence] ?? (after.open?.msn === old.msn ? after.open : undefined);
  if (!now) {
    if (old.msn >= after.mediaSequence)
      say(
        'parts do not change',
        '§6.5 PART tags',
        `segment ${old.msn} lost the ${old.parts.length} parts it had`,
      );
    return;
  }
  // Where it could not be finished, nothing is left to compare.
  if (now.isGap) return;
  compareStart(old, now, say);
  if (now.parts.length > 0) compareParts(old.parts, now.parts, old.msn, say);
}

function checkRanges(before: MediaPlaylist, after: MediaPlaylist, say: Say): void {
  const clause = '§6.6 Now-playing';
  const firstMs = after.segments[0]?.pdtMs ?? after.open?.pdtMs ?? 0;
  const now = new Map(after.dateRanges.map((range) => [range.attributes.get('ID'), range]));
  for (const old of before.dateRanges) {
    const id = old.attributes.get('ID');
    const match = now.get(id);
    if (match) {
      if (describeRange(match) !== describeRange(old)) say('DATERANGE does not change', clause, `ID ${id}`);
      continue;
    }
    const endMs = endOfRange(old, [...before.dateRanges, ...after.dateRanges]);
    if (endMs > firstMs) say('DATERANGE stays while it is listed', clause, `ID ${id} left too early`);
  }
}

function describeRange({ attributes }: DateRange): string {
  return JSON.stringify([...attributes].sort());
}

function endOfRange({ attributes }: DateRange, all: readonly DateRange[]): number {
  const startMs = Date.parse(attributes.get('START-DATE') ?? '');
  const end = attributes.get('END-DATE');
  if (end !== undefined) return Date.parse(end);
  if (attributes.has('DURATION')) return startMs + Number(attributes.get('DURATION')) * 1000;
  if (!attributes.has('END-ON-NEXT')) return startMs;
  const later = all
    .filter((other) => other.attributes.get('CLASS') === attributes.get('CLASS'))
    .map((other) => Date.parse(other.attributes.get('START-DATE') ?? ''))
    .filter((otherMs) => otherMs > startMs);
  return Math.min(Number.POSITIVE_INFINITY, ...later);
}

function checkPace(
  before: MediaPlaylist,
  after: MediaPlaylist,
  elapsedS: number,
  say: Say,
  { sourceWasAway }: SuccessionContext,
): void {
  const mostS = 1.5 * (before.targetDurationS ?? 0);
  if (before.isEnded || after.isEnded || sourceWasAway || elapsedS <= mostS) return;
  say('pace', '§6.1 Pace', `no new segment after ${followingMsn(before) - 1} for ${elapsedS.toFixed(2)} s`);
}

function checkHints(
  before: MediaPlaylist,
  after: MediaPlaylist,
  say: Say,
  { fetchedHints }: SuccessionContext,
): void {
  const hint = before.preloadHints.find(({ type }) => type === 'PART');
  if (!hint) return;
  const msn = before.open?.msn ?? followingMsn(before);
  const index = before.open?.parts.length ?? 0;
  const listed: readonly SegmentHead[] = [...after.segments, ...(after.open ? [after.open] : [])];
  const newer = listed.filter((head) => head.msn >= msn);
  if (newer.some((head) => head.parts.some(({ uri }) => uri === hint.uri))) return;
  const isFollowed = newer.some((head) => head.msn > msn || head.parts.length > index || head.isGap);
  const isExcused = newer.some(
    ({ isDiscontinuity, isGap, msn: at }) => isGap || (isDiscontinuity && (at > msn || index === 0)),
  );
  // Parts of a segment that is old by now are no longer listed.
  const isOld = newer.some((head) => head.msn === msn && 'uri' in head && head.parts.length === 0);
  if (!isFollowed || isExcused || isOld || newer[0]?.msn !== msn) return;
  const fetched = fetchedHints?.has(hint.uri) ? ', though it had been fetched' : '';
  say('hints come true', '§6.5 Preload hints', `${hint.uri} was hinted, something else came${fetched}`);
}

function checkOver(before: MediaPlaylist, after: MediaPlaylist, say: Say): void {
  if (!before.isEnded) return;
  if (!after.isEnded) say('ENDLIST', '§6.1 EXT-X-ENDLIST', 'was there and is gone');
  if (followingMsn(after) !== followingMsn(before))
    say('ENDLIST', '§6.1 EXT-X-ENDLIST', 'segments came after it');
}

/**
 * The playlist that a client has after a delta.
 * @throws Error where the delta cannot be merged into `full`
 */
export function applyDelta(full: MediaPlaylist, delta: MediaPlaylist): MediaPlaylist {
  if (full.skippedSegments !== undefined) throw new Error('a delta can be merged into a full playlist only');
  const { skippedSegments } = delta;
  if (skippedSegments === undefined) return delta;
  const from = delta.mediaSequence - full.mediaSequence;
  const to = from + skippedSegments;
  if (from < 0 || to > full.segments.length)
    throw new Error(
      `segments ${delta.mediaSequence} to ${delta.mediaSequence + skippedSegments - 1} were skipped, ${full.mediaSequence} to ${followingMsn(full) - 1} are known`,
    );
  // Parts of what is so old are not listed any more.
  const skipped = full.segments.slice(from, to).map((segment) => ({ ...segment, parts: [] }));
  const carried = skipped.at(-1)?.map;
  let sequence = delta.discontinuitySequence;
  const renumber = <T extends SegmentHead>(head: T): T => {
    if (head.isDiscontinuity) sequence += 1;
    return { ...head, discontinuitySequence: sequence };
  };
  const carryOver = <T extends SegmentHead>(head: T): T => ({ ...renumber(head), map: head.map ?? carried });
  const segments = [...skipped.map(renumber), ...delta.segments.map(carryOver)];
  const open = delta.open && carryOver(delta.open);
  const version = full.version;
  return { ...delta, version, skippedSegments: undefined, segments, open };
}

/** What is wrong when two readings of one moment differ, as the full and the merged playlist must not. */
export function checkSame(merged: MediaPlaylist, full: MediaPlaylist): readonly string[] {
  return collect((say) => {
    const [a, b] = [contentOf(merged), contentOf(full)];
    for (const [name, value] of Object.entries(a)) {
      const items = [value, b[name]].map((one) => (Array.isArray(one) ? one : [one]));
      const length = Math.max(items[0]!.length, items[1]!.length);
      for (let i = 0; i < length; i += 1) {
        const [ours, theirs] = items.map((list) => JSON.stringify(list[i]));
        if (ours !== theirs)
          say('a delta gives the full playlist', '§6.5 Delta', `${name} ${i}: ${ours}, not ${theirs}`);
      }
    }
  });
}

/** All that a client acts on; not where it stood in the text. */
function contentOf(p: MediaPlaylist): Record<string, unknown> {
  const head = ({ msn, pdtMs, isDiscontinuity, discontinuitySequence, map, isGap, parts }: SegmentHead) => ({
    msn,
    pdtMs,
    isDiscontinuity,
    discontinuitySequence,
    // A gap needs none, so that what is in force there may have left.
    map: isGap ? undefined : map,
    isGap,
    parts: parts.map(({ line: _, ...part }) => part),
  });
  return {
    version: p.version,
    targetDurationS: p.targetDurationS,
    partTargetS: p.partTargetS,
    serverControl: p.serverControl,
    mediaSequence: p.mediaSequence,
    discontinuitySequence: p.discontinuitySequence,
    segments: p.segments.map((segment) => ({
      ...head(segment),
      uri: segment.uri,
      durationS: segment.durationS,
    })),
    open: p.open && head(p.open),
    dateRanges: p.dateRanges.map(describeRange),
    preloadHints: p.preloadHints.map(({ type, uri }) => [type, uri]),
    renditionReports: p.renditionReports.map(({ line: _, ...report }) => report),
    isEnded: p.isEnded,
  };
}
