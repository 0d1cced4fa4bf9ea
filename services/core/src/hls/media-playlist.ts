/**
 * Writes media playlists (RFC 8216bis §4.4). The text depends on the window alone, so that
 * every edge that has a window answers with the same bytes.
 */
import {
  type HlsSegment,
  type HlsWindow,
  nextMsn,
  type SegmentStart,
  type TitleRange,
} from './hls-window.ts';
import { partName, segmentName } from './resource-name.ts';

/** Another media playlist of the same multivariant playlist. */
export type SiblingReport = {
  /** Relative to this playlist. */
  readonly uri: string;
  readonly lastMsn: number;
  /** -1 where it lists no parts. */
  readonly lastPart: number;
};

export type MediaPlaylistOptions = {
  /** Leave out what a client that was here a moment ago has already (RFC 8216bis §6.2.5.1). */
  readonly skip?: boolean;
  readonly siblings?: readonly SiblingReport[];
};

/** Segments so far from the end may be skipped, in target durations (RFC 8216bis §4.4.3.8: at least six). */
const skipTargets = 6;
const holdBackTargets = 3;
const holdBackParts = 3;

export function renderMediaPlaylist(window: HlsWindow, options: MediaPlaylistOptions = {}): string {
  const skipped = options.skip ? skippableSegments(window) : 0;
  const lines = ['#EXTM3U', `#EXT-X-VERSION:${versionOf(window, skipped > 0)}`];
  lines.push(`#EXT-X-TARGETDURATION:${window.targetDurationS}`, serverControl(window));
  if (window.partTargetS > 0) lines.push(`#EXT-X-PART-INF:PART-TARGET=${seconds(window.partTargetS)}`);
  lines.push(
    `#EXT-X-MEDIA-SEQUENCE:${window.firstMsn}`,
    `#EXT-X-DISCONTINUITY-SEQUENCE:${window.discontinuitySequence}`,
  );
  if (skipped > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);
  const { open } = window;
  const showsParts = window.partTargetS > 0;
  // A date range needs a date to stand beside (RFC 8216bis §4.4.5.1).
  if (window.segments.length > 0 || (showsParts && open)) {
    for (const title of window.titles) lines.push(dateRange(title));
  }
  // After a skip it is said anew, since clients differ in what they carry over.
  let init = '';
  window.segments.forEach((segment, i) => {
    if (i < skipped) return;
    init = pushStart(lines, segment, init);
    pushParts(lines, window, segment, window.firstMsn + i);
    if (segment.gap) lines.push('#EXT-X-GAP');
    lines.push(
      `#EXTINF:${seconds(segment.durationS)},`,
      segmentName(segment.epoch, window.firstMsn + i, window.extension),
    );
  });
  if (showsParts && open) {
    init = pushStart(lines, open, init);
    pushParts(lines, window, open, nextMsn(window));
  }
  if (window.isOver) lines.push('#EXT-X-ENDLIST');
  else if (showsParts) lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${hintedPart(window)}"`);
  for (const { uri, lastMsn, lastPart } of options.siblings ?? []) {
    const part = lastPart >= 0 ? `,LAST-PART=${lastPart}` : '';
    lines.push(`#EXT-X-RENDITION-REPORT:URI="${uri}",LAST-MSN=${lastMsn}${part}`);
  }
  return `${lines.join('\n')}\n`;
}

/** How many of the oldest segments a delta update leaves out; 0 where it would save nothing. */
export function skippableSegments(window: HlsWindow): number {
  if (window.isOver) return 0;
  const { segments, targetDurationS } = window;
  let fromEndS = 0;
  for (let i = segments.length - 1; i >= 0; i -= 1) {
    fromEndS += segments[i]!.durationS;
    if (fromEndS > skipTargets * targetDurationS) return i;
  }
  return 0;
}

/** The newest that is listed, as a blocking reload asks for it: the number of the segment, and of its part or -1. */
export function liveEnd(window: HlsWindow): { readonly msn: number; readonly part: number } {
  const next = nextMsn(window);
  if (window.partTargetS > 0 && window.open && window.open.parts.length > 0) {
    return { msn: next, part: window.open.parts.length - 1 };
  }
  const parts = window.segments.at(-1)?.parts.length ?? 0;
  return { msn: next - 1, part: window.partTargetS > 0 ? parts - 1 : -1 };
}

/** The name that the next part will have, unless another session goes on before. */
export function hintedPart(window: HlsWindow): string {
  const { open, epoch, extension } = window;
  return partName(open?.epoch ?? epoch, nextMsn(window), open?.parts.length ?? 0, extension);
}

function versionOf(window: HlsWindow, hasSkip: boolean): number {
  if (hasSkip) return 9;
  return window.container === 'fmp4' ? 6 : 3;
}

function serverControl({ targetDurationS, partTargetS }: HlsWindow): string {
  const attributes = ['CAN-BLOCK-RELOAD=YES'];
  if (partTargetS > 0) attributes.push(`PART-HOLD-BACK=${seconds(holdBackParts * partTargetS)}`);
  attributes.push(`HOLD-BACK=${holdBackTargets * targetDurationS}`);
  attributes.push(`CAN-SKIP-UNTIL=${skipTargets * targetDurationS}`);
  return `#EXT-X-SERVER-CONTROL:${attributes.join(',')}`;
}

function pushStart(lines: string[], start: SegmentStart, initBefore: string): string {
  if (start.discontinuity) lines.push('#EXT-X-DISCONTINUITY');
  if (start.init !== '' && (start.init !== initBefore || start.discontinuity)) {
    lines.push(`#EXT-X-MAP:URI="${start.init}"`);
  }
  lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(Math.round(start.pdtMs)).toISOString()}`);
  return start.init === '' ? initBefore : start.init;
}

function pushParts(
  lines: string[],
  window: HlsWindow,
  segment: Pick<HlsSegment, 'epoch' | 'partEpoch' | 'parts' | 'gap'>,
  msn: number,
): void {
  if (window.partTargetS === 0) return;
  segment.parts.forEach(({ durationS }, part) => {
    const name = partName(segment.partEpoch ?? segment.epoch, msn, part, window.extension);
    const trait = segment.gap ? 'GAP=YES' : 'INDEPENDENT=YES';
    lines.push(`#EXT-X-PART:DURATION=${seconds(durationS)},URI="${name}",${trait}`);
  });
}

function dateRange({ id, startMs, title, artist, url }: TitleRange): string {
  const attributes = [
    `ID="${id}"`,
    'CLASS="org.legacystream.title"',
    `START-DATE="${new Date(Math.round(startMs)).toISOString()}"`,
    'END-ON-NEXT=YES',
  ];
  if (title !== '') attributes.push(`X-TITLE="${quotable(title)}"`);
  if (artist !== '') attributes.push(`X-ARTIST="${quotable(artist)}"`);
  if (url !== '') attributes.push(`X-URL="${quotable(url)}"`);
  return `#EXT-X-DATERANGE:${attributes.join(',')}`;
}

/** A quoted string has no way to hold a quote or a line end, and a playlist no control characters (RFC 8216bis §4.1, §4.2). */
function quotable(text: string): string {
  return text.replaceAll('"', '\u2019').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}

function seconds(value: number): string {
  return value.toFixed(6).replace(/\.?0+$/, '');
}
