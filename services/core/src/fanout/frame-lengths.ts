/**
 * Tells the frames inside a piece of a stream, for the codecs that go out with ICY
 * metadata: a listener who is moved within such a stream is set down on a frame, and the
 * nearer the frame, the fewer bytes have to be zeroed before it.
 */
import { adtsHeaderBytes, parseAdtsHeader } from '../codecs/adts-header.ts';
import type { Codec } from '../codecs/frame-splitter.ts';
import { mp3HeaderBytes, parseMp3Header } from '../codecs/mp3-header.ts';

/** The length of the frame that begins at `at`; 0 where that cannot be told. */
export type FrameLength = (data: Uint8Array, at: number) => number;

/** Nothing is known of the frames: a piece is as good as one frame. */
export const unknownFrameLength: FrameLength = () => 0;

export function frameLengthOf(codec: Codec): FrameLength {
  switch (codec) {
    case 'mp3':
      return (data, at) =>
        at + mp3HeaderBytes <= data.length ? (parseMp3Header(data, at)?.frameBytes ?? 0) : 0;
    case 'aac':
      return (data, at) =>
        at + adtsHeaderBytes <= data.length ? (parseAdtsHeader(data, at)?.frameBytes ?? 0) : 0;
    case 'opaque':
      // It may be cut anywhere, as far as anybody can tell.
      return () => 1;
    default:
      return unknownFrameLength;
  }
}

/** The offset of the first frame at `offset` or later; the length of the piece where there is none. */
export function nextFrameAt(data: Uint8Array, offset: number, frameLength: FrameLength): number {
  let at = 0;
  while (at < offset) {
    const length = frameLength(data, at);
    if (length <= 0) return data.length;
    at += length;
  }
  return Math.min(at, data.length);
}
