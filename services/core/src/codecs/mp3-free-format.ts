/**
 * Measures the frames of a free format MP3 stream, whose headers do not tell their
 * length (ISO/IEC 11172-3 §2.4.2.3, bitrate index 0). All frames are equally long but
 * for the padding byte, so the distance to the next header of the same stream is the
 * length, if a third header (or a tag) stands where that length says.
 */
import type { Verdict } from './frame-sync.ts';
import {
  isSameMp3Stream,
  type Mp3Header,
  mp3HeaderBytes,
  parseMp3Header,
  withFreeFormatLength,
} from './mp3-header.ts';
import { tagBytesAt, tagUndecided } from './tag-skipper.ts';

/** Longer than any bitrate in use needs; free format is meant for those above 320 kbit/s. */
export const maxFreeFormatBytes = 8192;

/** Chance puts fewer headers than this inside a frame. */
const maxCandidates = 8;

/** While no second header is in sight, look again only after this many more bytes. */
const lookAgainBytes = 512;

/**
 * Decides on the free format `header` at `at`, with bytes up to `end`; `isFinal` when
 * no more will come. The same bytes always lead to the same verdict.
 */
export function measureFreeFormat(
  bytes: Uint8Array,
  at: number,
  end: number,
  header: Mp3Header,
  isFinal: boolean,
): Verdict<Mp3Header> {
  const first = at + mp3HeaderBytes + header.sideInfoBytes;
  const last = at + maxFreeFormatBytes;
  let candidates = 0;
  for (let next = first; next <= last; next++) {
    next = bytes.indexOf(0xff, next);
    if (next < 0 || next > last) break;
    if (next + mp3HeaderBytes > end) break;
    const second = parseMp3Header(bytes, next);
    if (second === undefined || !second.isFreeFormat || !isSameMp3Stream(second, header)) continue;
    const third = next + (next - at) - header.paddingBytes + second.paddingBytes;
    const verdict = isBoundary(bytes, third, end, header, isFinal);
    if (verdict === true) return withFreeFormatLength(header, next - at);
    if (typeof verdict === 'number') return verdict;
    if (++candidates === maxCandidates) return undefined;
  }
  const needed = last + mp3HeaderBytes;
  return end >= needed ? undefined : Math.min(needed, end + lookAgainBytes);
}

/** True, false, or up to where bytes are needed to tell. */
function isBoundary(
  bytes: Uint8Array,
  at: number,
  end: number,
  header: Mp3Header,
  isFinal: boolean,
): boolean | number {
  if (isFinal && at === end) return true;
  if (at + mp3HeaderBytes > end) return at + mp3HeaderBytes;
  const next = parseMp3Header(bytes, at);
  if (next !== undefined) return next.isFreeFormat && isSameMp3Stream(next, header);
  const tag = tagBytesAt(bytes, at, end);
  return tag === tagUndecided ? end + 1 : tag > 0;
}
