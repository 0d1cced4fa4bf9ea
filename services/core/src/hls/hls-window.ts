/**
 * The window of one HLS rendition: which segments a playlist lists, and the one that is being
 * made. The packager makes changes of it; it, every edge that follows and whoever takes over
 * apply them to their own copy, and so have the very same window (design §10).
 *
 * A window is a value: a change gives another one. Sequence numbers follow RFC 8216bis
 * §6.2.2: they never go back, and the discontinuity sequence grows when a segment with the
 * tag leaves.
 */
import type { HlsContainer } from './track.ts';

export type HlsPart = { readonly durationS: number; readonly bytes: number };

/** What a segment is from its first byte on. */
export type SegmentStart = {
  /** The session under which it was begun; with the sequence number it names the segment for ever. */
  readonly epoch: number;
  /** Wall time of its first sample, in milliseconds. */
  readonly pdtMs: number;
  /** Format or time stamps do not go on from the segment before. */
  readonly discontinuity: boolean;
  /** The name of its initialization section; empty where it has none. */
  readonly init: string;
};

export type OpenSegment = SegmentStart & { readonly parts: readonly HlsPart[] };

export type HlsSegment = SegmentStart & {
  readonly durationS: number;
  readonly bytes: number;
  /** Listed while the segment is near the live end; empty afterwards. */
  readonly parts: readonly HlsPart[];
  /** The session that its parts are named after, where another one completed it: neither names what the other made. */
  readonly partEpoch?: number;
  /** There was nothing to make it of: it stands for time only. */
  readonly gap?: boolean;
};

/** A title and since when it has been on air, by the wall clock of the audio. */
export type TitleRange = {
  readonly id: string;
  readonly startMs: number;
  readonly title: string;
  readonly artist: string;
  readonly url: string;
};

/** What does not change while a timeline lasts. */
export type HlsProfile = {
  readonly container: HlsContainer;
  /** File name extension of segments: `mp3`, `aac`, `m4s`. */
  readonly extension: string;
  readonly codecs: string;
  readonly targetDurationS: number;
  /** Longest part; 0 where parts are not listed. */
  readonly partTargetS: number;
  /** How much is listed at least, once there is so much. */
  readonly windowS: number;
};

export type HlsWindow = HlsProfile & {
  readonly epoch: number;
  /** Counts the changes; with the epoch it tells which of two copies is newer. */
  readonly revision: number;
  /** Media sequence number of the first segment. */
  readonly firstMsn: number;
  readonly discontinuitySequence: number;
  readonly segments: readonly HlsSegment[];
  /** The next segment, as soon as it has a part. */
  readonly open: OpenSegment | undefined;
  /** Oldest first. */
  readonly titles: readonly TitleRange[];
  /** No segment follows: the mount has ended. Set by who writes a playlist; no change says it. */
  readonly isOver?: boolean;
};

export type HlsChange =
  /** The segment being made has another part; the first says what the segment is. */
  | { readonly type: 'part'; readonly part: HlsPart; readonly start?: SegmentStart }
  /** It is complete. */
  | { readonly type: 'segment' }
  /** Nothing could be made for so long. */
  | { readonly type: 'gap'; readonly start: SegmentStart; readonly durationS: number }
  | { readonly type: 'title'; readonly title: TitleRange };

/** Parts are listed for so many target durations (RFC 8216bis §4.4.4.9). */
const partsWithinTargets = 3;
const leastSegments = 3;
/** A flood of titles leaves the newest. */
const maxTitles = 200;

/** Sequence number of the segment that is being made, or will be. */
export function nextMsn(window: HlsWindow): number {
  return window.firstMsn + window.segments.length;
}

export function durationOf(parts: readonly HlsPart[]): number {
  return parts.reduce((sum, { durationS }) => sum + durationS, 0);
}

/** The window after a change. One that cannot follow from it (a second beginning, an end of nothing) changes nothing else than the revision. */
export function applyChange(window: HlsWindow, change: HlsChange): HlsWindow {
  const revision = window.revision + 1;
  switch (change.type) {
    case 'part': {
      const open = window.open ?? (change.start && { ...change.start, parts: [] });
      return open
        ? { ...window, revision, open: { ...open, parts: [...open.parts, change.part] } }
        : { ...window, revision };
    }
    case 'segment':
      return close({ ...window, revision });
    case 'gap': {
      const gap: HlsSegment = {
        ...change.start,
        durationS: change.durationS,
        bytes: 0,
        parts: gapParts(change.durationS, window.partTargetS),
        gap: true,
      };
      const closed = close({ ...window, revision });
      return trim({ ...closed, segments: [...closed.segments, gap] });
    }
    case 'title': {
      const titles = [...window.titles, change.title].slice(-maxTitles);
      return { ...window, revision, titles };
    }
  }
}

/** The parts of a segment without media: players that ask part by part go on through it. */
function gapParts(durationS: number, partTargetS: number): readonly HlsPart[] {
  const parts: HlsPart[] = [];
  if (partTargetS === 0) return parts;
  const count = Math.ceil(durationS / partTargetS - 1e-6);
  for (let i = 0; i < count; i += 1) {
    parts.push({ durationS: Math.min(partTargetS, durationS - i * partTargetS), bytes: 0 });
  }
  return parts;
}

function close(window: HlsWindow): HlsWindow {
  const { open } = window;
  if (!open) return window;
  const bytes = open.parts.reduce((sum, part) => sum + part.bytes, 0);
  const segment: HlsSegment = { ...open, durationS: durationOf(open.parts), bytes };
  return trim({ ...window, open: undefined, segments: [...window.segments, segment] });
}

/** Lets go of what is older than the window, and of parts that are no longer listed. */
function trim(window: HlsWindow): HlsWindow {
  const { windowS, targetDurationS } = window;
  const segments = [...window.segments];
  let { firstMsn, discontinuitySequence } = window;
  let listedS = segments.reduce((sum, { durationS }) => sum + durationS, 0);
  const endMs = segments.length > 0 ? endOf(segments.at(-1)!) : 0;
  while (segments.length > leastSegments) {
    const [oldest] = segments;
    const leftS = listedS - oldest!.durationS;
    // By date as well: between the sessions of a source there is time that no segment stands for.
    const isOld = leftS >= windowS - 1e-6 || endMs - endOf(oldest!) >= windowS * 1000;
    // Never less than three target durations remain (RFC 8216bis §6.2.2).
    if (!isOld || leftS < 3 * targetDurationS - 1e-6) break;
    segments.shift();
    firstMsn += 1;
    listedS = leftS;
    if (oldest!.discontinuity) discontinuitySequence += 1;
  }
  let behindS = 0;
  for (let i = segments.length - 1; i >= 0; i -= 1) {
    const segment = segments[i]!;
    if (segment.parts.length > 0 && behindS >= partsWithinTargets * targetDurationS) {
      segments[i] = { ...segment, parts: [] };
    }
    behindS += segment.durationS;
  }
  return { ...window, segments, firstMsn, discontinuitySequence, titles: keepTitles(window, segments) };
}

function endOf({ pdtMs, durationS }: HlsSegment): number {
  return pdtMs + durationS * 1000;
}

/** A title stays while any moment of it is listed: until the next one began before the window does. */
function keepTitles(window: HlsWindow, segments: readonly HlsSegment[]): readonly TitleRange[] {
  const { titles } = window;
  const fromMs = segments[0]?.pdtMs ?? Number.NEGATIVE_INFINITY;
  let first = 0;
  while (first + 1 < titles.length && titles[first + 1]!.startMs <= fromMs) first += 1;
  return first === 0 ? titles : titles.slice(first);
}
