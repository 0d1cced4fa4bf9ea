/**
 * Finds the tags that stand between the frames of MP3 and ADTS streams, at the start
 * and wherever a source joins one file to the next: ID3v2 (id3.org, v2.2 to v2.4,
 * §3.1: syncsafe length, footer), ID3v1 and APEv1/v2. Only their length matters here;
 * the caller passes over that many bytes by counting, without keeping them.
 */
import { magicUndecided, matchMagic } from './magic-bytes.ts';

/**
 * The most that is passed over for one tag. The length field allows 256 MiB; a wrong
 * one must not mute a live stream, and cover pictures are smaller than this.
 */
export const maxTagBytes = 16 * 1024 * 1024;

/** More bytes are needed to tell whether a tag stands here. */
export const tagUndecided = magicUndecided;

const id3v2HeaderBytes = 10;
const id3v1TagBytes = 128;
const apeHeaderBytes = 32;
const apeIsHeader = 0x20000000;

const letterA = 0x41;
const letterI = 0x49;
const letterT = 0x54;

const id3v2Magic = Uint8Array.of(0x49, 0x44, 0x33);
const id3v1Magic = Uint8Array.of(0x54, 0x41, 0x47);
const apeMagic = Uint8Array.of(0x41, 0x50, 0x45, 0x54, 0x41, 0x47, 0x45, 0x58);

/**
 * A cheap test before {@link tagBytesAt}: may a tag begin with this byte? The three
 * letters of ID3v1 prove little, so they count only at a boundary, after a frame or
 * another tag, and not in the middle of garbage.
 */
export function mayBeginTag(byte: number, isBoundary: boolean): boolean {
  return byte === letterI || byte === letterA || (byte === letterT && isBoundary);
}

/**
 * The whole length of the tag that begins at `at`, as it claims; 0 if there is none,
 * {@link tagUndecided} while the bytes before `end` are too few. Never looks further
 * than 32 bytes.
 */
export function tagBytesAt(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return tagUndecided;
  switch (bytes[at]) {
    case letterI:
      return id3v2Bytes(bytes, at, end);
    case letterT:
      return id3v1Bytes(bytes, at, end);
    case letterA:
      return apeBytes(bytes, at, end);
    default:
      return 0;
  }
}

function id3v1Bytes(bytes: Uint8Array, at: number, end: number): number {
  const match = matchMagic(id3v1Magic, bytes, at, end);
  return match === 1 ? id3v1TagBytes : match;
}

function id3v2Bytes(bytes: Uint8Array, at: number, end: number): number {
  const match = matchMagic(id3v2Magic, bytes, at, end);
  if (match !== 1) return match;
  if (at + id3v2HeaderBytes > end) return tagUndecided;
  const major = bytes[at + 3]!;
  const flags = bytes[at + 5]!;
  const sizes = bytes[at + 6]! | bytes[at + 7]! | bytes[at + 8]! | bytes[at + 9]!;
  if (major < 2 || major > 4 || bytes[at + 4] === 0xff || (flags & 0x0f) !== 0 || sizes > 0x7f) return 0;
  const size = (bytes[at + 6]! << 21) | (bytes[at + 7]! << 14) | (bytes[at + 8]! << 7) | bytes[at + 9]!;
  const footer = (flags & 0x10) !== 0 ? id3v2HeaderBytes : 0;
  return id3v2HeaderBytes + size + footer;
}

/** A tag that has only a footer shows itself at its end: there the footer alone is left. */
function apeBytes(bytes: Uint8Array, at: number, end: number): number {
  const match = matchMagic(apeMagic, bytes, at, end);
  if (match !== 1) return match;
  if (at + apeHeaderBytes > end) return tagUndecided;
  const version = uint32(bytes, at + 8);
  if (version !== 1000 && version !== 2000) return 0;
  const isHeader = version === 2000 && (uint32(bytes, at + 20) & apeIsHeader) !== 0;
  return apeHeaderBytes + (isHeader ? uint32(bytes, at + 12) : 0);
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
