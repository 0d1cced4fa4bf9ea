/**
 * Comment headers as Vorbis, Opus, Speex, Theora and FLAC carry them (Vorbis I §5.2),
 * without the signature in front and the framing bit behind that differ between those.
 *
 * Lengths are believed only as far as bytes are there: a header that is cut off gives
 * the entries before the cut. Values are UTF-8; what is not valid UTF-8 is read as
 * Latin-1, because that is what old encoders write there.
 */

import type { TagsEvent } from './frame-splitter.ts';

export const maxVorbisComments = 64;
export const maxVorbisCommentValueBytes = 1024;
const maxKeyBytes = 64;

/** Binary values in text form: cut to a bounded length they would be of no use. */
const pictureKeys: ReadonlySet<string> = new Set(['metadata_block_picture', 'coverart']);

export type VorbisComment = {
  readonly vendor: Uint8Array;
  /** `KEY=value`, undecoded, in order, sharing the bytes given. */
  readonly comments: readonly Uint8Array[];
};

const utf8 = new TextDecoder('utf-8', { fatal: true });
const utf8Encoder = new TextEncoder();

/** Undefined only where not even the vendor string is whole. */
export function splitVorbisComment(bytes: Uint8Array): VorbisComment | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const next = (): Uint8Array | undefined => {
    if (at + 4 > bytes.length) return undefined;
    const length = view.getUint32(at, true);
    if (at + 4 + length > bytes.length) return undefined;
    const value = bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    return value;
  };
  const vendor = next();
  if (vendor === undefined) return undefined;
  const comments: Uint8Array[] = [];
  if (at + 4 > bytes.length) return { vendor, comments };
  const count = view.getUint32(at, true);
  at += 4;
  while (comments.length < count) {
    const comment = next();
    if (comment === undefined) break;
    comments.push(comment);
  }
  return { vendor, comments };
}

/**
 * The entries with keys in lower case: at most 64, each value cut to 1 KiB at a whole
 * character. Of a repeated key the first value stands; pictures are left out.
 */
export function parseVorbisComment(bytes: Uint8Array): ReadonlyMap<string, string> | undefined {
  const split = splitVorbisComment(bytes);
  if (split === undefined) return undefined;
  const entries = new Map<string, string>();
  for (const comment of split.comments) {
    if (entries.size >= maxVorbisComments) break;
    const key = readVorbisCommentKey(comment);
    if (key === undefined || entries.has(key) || pictureKeys.has(key)) continue;
    entries.set(key, decodeCommentValue(comment.subarray(key.length + 1)));
  }
  return entries;
}

/** The key of a `KEY=value` comment in lower case; undefined if it is none that the format allows. */
export function readVorbisCommentKey(comment: Uint8Array): string | undefined {
  let key = '';
  for (let at = 0; at < comment.length && at <= maxKeyBytes; at++) {
    const byte = comment[at]!;
    if (byte === 0x3d) return key === '' ? undefined : key.toLowerCase();
    if (byte < 0x20 || byte > 0x7d) return undefined;
    key += String.fromCharCode(byte);
  }
  return undefined;
}

export function createTagsEvent(all: ReadonlyMap<string, string>): TagsEvent {
  const title = all.get('title');
  const artist = all.get('artist');
  return {
    type: 'tags',
    ...(title === undefined ? {} : { title }),
    ...(artist === undefined ? {} : { artist }),
    all,
  };
}

/** A comment header without signature and framing bit. */
export function encodeVorbisComment(
  vendor: string | Uint8Array,
  comments: readonly (string | Uint8Array)[],
): Uint8Array {
  const parts: Uint8Array[] = [];
  const push = (value: string | Uint8Array) => {
    const bytes = typeof value === 'string' ? utf8Encoder.encode(value) : value;
    parts.push(encodeLength(bytes.length), bytes);
  };
  push(vendor);
  parts.push(encodeLength(comments.length));
  for (const comment of comments) push(comment);
  return Buffer.concat(parts);
}

function encodeLength(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** The text of a value: UTF-8 or else Latin-1, cut to 1 KiB at a whole character. */
export function decodeCommentValue(bytes: Uint8Array): string {
  let length = bytes.length;
  if (length > maxVorbisCommentValueBytes) {
    length = maxVorbisCommentValueBytes;
    // At most three steps back reach the start of any UTF-8 character.
    for (let back = 0; back < 3 && (bytes[length]! & 0xc0) === 0x80; back++) length--;
  }
  const value = bytes.subarray(0, length);
  try {
    return utf8.decode(value);
  } catch {
    return Buffer.from(value).toString('latin1');
  }
}
