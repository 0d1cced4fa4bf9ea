/** Compares what the playlist reader saw with what another reader of the same text sees. */
import { parse as parseByOther, setOptions, types } from 'hls-parser';
import type { Playlist, PlaylistPart } from './playlist-reader.ts';

// What it deems wrong it would print.
setOptions({ silent: true });

/** Where another reader of the same text saw something else; nothing where it cannot read such a text. */
export function disagreements(text: string, playlist: Playlist): readonly string[] {
  let other: ReturnType<typeof parseByOther>;
  try {
    other = parseByOther(text);
  } catch {
    return [];
  }
  const found: string[] = [];
  const compare = (what: string, ours: unknown, theirs: unknown) => {
    if (ours !== theirs) found.push(`another reader sees ${what} ${theirs}, not ${ours}`);
  };
  if (playlist.kind === 'multivariant') {
    if (!(other instanceof types.MasterPlaylist)) return ['another reader sees no multivariant playlist'];
    const describe = (uri: string, bps: number, codecs = '') => `${uri} ${bps} ${codecs}`;
    const ours = playlist.variants.map((v) => describe(v.uri, v.bandwidthBps, v.codecs));
    compare(
      'variants',
      ours.join(),
      other.variants.map((v) => describe(v.uri, v.bandwidth, v.codecs)).join(),
    );
    return found;
  }
  if (!(other instanceof types.MediaPlaylist)) return ['another reader sees no media playlist'];
  compare('media sequence', playlist.mediaSequence, other.mediaSequenceBase ?? 0);
  compare('discontinuity sequence', playlist.discontinuitySequence, other.discontinuitySequenceBase ?? 0);
  compare('target duration', playlist.targetDurationS, other.targetDuration);
  compare('part target', playlist.partTargetS, other.partTargetDuration);
  compare('end', playlist.isEnded, other.endlist);
  const { segments, open } = playlist;
  // It gives what has parts and no URI as a segment without one.
  const theirs = other.segments.filter(({ uri }) => uri !== undefined && uri !== '');
  compare('number of segments', segments.length, theirs.length);
  segments.forEach((segment, i) => {
    const match = theirs[i];
    if (!match) return;
    compare(`URI of segment ${segment.msn}:`, segment.uri, match.uri);
    compare(`duration of ${segment.uri}:`, segment.durationS, match.duration);
    compare(`discontinuity of ${segment.uri}:`, segment.isDiscontinuity, Boolean(match.discontinuity));
    compare(`date of ${segment.uri}:`, segment.pdtMs, match.programDateTime?.getTime());
    compare(`parts of ${segment.uri}:`, describeParts(segment.parts), describeOtherParts(match.parts));
  });
  const rest = other.segments.filter(({ uri }) => uri === undefined || uri === '');
  compare(
    'parts at the end:',
    describeParts(open?.parts ?? []),
    describeOtherParts(rest.flatMap(({ parts }) => parts)),
  );
  return found;
}

function describeParts(parts: readonly PlaylistPart[]): string {
  return parts.map(({ uri, durationS }) => `${uri} ${durationS}`).join();
}

/** Hints are parts to it. */
function describeOtherParts(parts: readonly { uri: string; duration?: number; hint?: boolean }[]): string {
  return parts.flatMap(({ uri, duration, hint }) => (hint ? [] : [`${uri} ${duration}`])).join();
}
