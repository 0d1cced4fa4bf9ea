/**
 * What begins a segment of packed audio (RFC 8216bis §3.1.4): an ID3 tag with the time of the
 * first sample on the 33-bit, 90 kHz clock of MPEG transport streams. The frames of ADTS or MP3
 * follow as they are.
 */
import { type Id3Frame, id3Tag, titleFrames } from './id3-tag.ts';
import type { TimedTitle } from './track.ts';

const clockHz = 90_000;
const clockWrap = 2 ** 33;
const timestampOwner = 'com.apple.streaming.transportStreamTimestamp';

/**
 * The time of a running sample count on the 90 kHz clock, rounded, modulo 2^33. Nothing adds up:
 * each call rounds by itself, and counts up to 2^53 are exact.
 */
export function timestamp90k(ticks: number, timescale: number): number {
  const rest = ticks % timescale;
  const seconds = (ticks - rest) / timescale;
  return ((seconds % clockWrap) * clockHz + Math.round((rest * clockHz) / timescale)) % clockWrap;
}

/** The tag for a segment whose first sample is at `ticks90k`; the title is the one that plays there. */
export function packedTag(ticks90k: number, title: TimedTitle | undefined): Uint8Array {
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, BigInt(ticks90k % clockWrap));
  const timestamp: Id3Frame = { id: 'PRIV', owner: timestampOwner, data };
  return id3Tag(title === undefined ? [timestamp] : [timestamp, ...titleFrames(title)]);
}
