/**
 * ID3v2.4 tags (id3.org "ID3 tag version 2.4.0": header §3.1, frames §4, sizes as syncsafe
 * integers §6.2) as HLS uses them for timestamps and timed metadata. Text is UTF-8 with an end
 * mark. A tag always stays below 4 KiB: texts are cut between characters, each to its share of
 * what the frames before it have left.
 */
import { clipUtf8 } from '../titles/utf8.ts';
import type { TimedTitle } from './track.ts';

/** Owners and descriptions are the server's own: short, printable ASCII. */
export type Id3Frame =
  | { readonly id: 'PRIV'; readonly owner: string; readonly data: Uint8Array }
  | { readonly id: 'TIT2' | 'TPE1'; readonly text: string }
  | { readonly id: 'TXXX'; readonly description: string; readonly text: string };

/** A whole tag is shorter than this. */
export const id3TagLimitBytes = 4096;

const headerBytes = 10;
const encodingUtf8 = '\x03';

/** Control characters, and what separates lines and paragraphs. */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}]/gu;

/** @throws RangeError when the frames do not fit even without their texts */
export function id3Tag(frames: readonly Id3Frame[]): Uint8Array {
  const heads = frames.map(encodeBodyHead);
  let tagBytes = heads.reduce((sum, head) => sum + headerBytes + head.length, headerBytes);
  let textsLeft = 0;
  for (const frame of frames) {
    if (frame.id === 'PRIV') tagBytes += frame.data.length;
    else textsLeft++;
  }
  // Every text ends with a NUL.
  tagBytes += textsLeft;
  let roomBytes = id3TagLimitBytes - 1 - tagBytes;
  if (roomBytes < 0) throw new RangeError(`these ID3 frames take ${tagBytes} bytes without their texts`);

  const tails = frames.map((frame) => {
    if (frame.id === 'PRIV') return frame.data;
    const text = encodeText(frame.text, Math.floor(roomBytes / textsLeft));
    textsLeft--;
    roomBytes -= text.length;
    tagBytes += text.length;
    return text;
  });

  const tag = new Uint8Array(tagBytes);
  let at = putHeader(tag, 0, 'ID3\x04\0\0', tagBytes - headerBytes);
  frames.forEach(({ id }, index) => {
    const head = heads[index]!;
    const tail = tails[index]!;
    const end = id === 'PRIV' ? 0 : 1;
    at = putHeader(tag, at, id, head.length + tail.length + end);
    tag.set(head, at);
    tag.set(tail, at + head.length);
    at += head.length + tail.length + end;
  });
  return tag;
}

/**
 * The frames that show a title. Empty fields are left out; where all are, an empty title
 * remains, because a tag without frames is none and players would go on showing the last one.
 */
export function titleFrames({ title, artist, url }: TimedTitle): Id3Frame[] {
  const frames: Id3Frame[] = [];
  if (title !== '' || (artist === '' && url === '')) frames.push({ id: 'TIT2', text: title });
  if (artist !== '') frames.push({ id: 'TPE1', text: artist });
  if (url !== '') frames.push({ id: 'TXXX', description: 'url', text: url });
  return frames;
}

/** What stands before the text or the data of a frame. */
function encodeBodyHead(frame: Id3Frame): Uint8Array {
  switch (frame.id) {
    case 'PRIV':
      return Buffer.from(`${frame.owner}\0`);
    case 'TXXX':
      return Buffer.from(`${encodingUtf8}${frame.description}\0`);
    default:
      return Buffer.from(encodingUtf8);
  }
}

function encodeText(text: string, maxBytes: number): Uint8Array {
  // A character takes a byte or more, so the rest need not be looked at.
  const beginning = text.slice(0, id3TagLimitBytes);
  return clipUtf8(beginning.replace(unprintable, ' '), maxBytes);
}

/** Four or six bytes of name, and the size with its flags; tags have theirs before the size, frames after it. */
function putHeader(tag: Uint8Array, at: number, name: string, size: number): number {
  for (let index = 0; index < name.length; index++) tag[at + index] = name.charCodeAt(index);
  const sizeAt = at + name.length;
  for (let index = 0; index < 4; index++) tag[sizeAt + index] = (size >> (21 - 7 * index)) & 0x7f;
  return at + headerBytes;
}
