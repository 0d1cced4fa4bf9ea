/**
 * The ICY metadata block that stands between stretches of audio (protocols §4.1):
 * one length byte L, then L × 16 bytes of `StreamTitle='…';`, optionally followed by
 * `StreamUrl='…';`, padded with NUL.
 *
 * The format has no escaping and players stop at the first `';`, so that pair is broken
 * up inside values. Blocks are UTF-8, cut between characters, never above 4080 bytes of
 * text, and their last value is always closed.
 */
import { cleanText } from '../titles/clean-text.ts';
import { decodeTitle } from '../titles/decode-title.ts';
import { clipUtf8 } from '../titles/utf8.ts';

const unitBytes = 16;
export const maxMetadataTextBytes = 255 * unitBytes;

const titleStart = "StreamTitle='";
const urlStart = "StreamUrl='";
const terminator = "';";
const maxTitleBytes = maxMetadataTextBytes - titleStart.length - terminator.length;

/** The block for a title, which may be empty; a url that does not fit beside the title is left out. */
export function encodeMetadataBlock(title: string, url?: string): Uint8Array {
  const parts = [
    Buffer.from(titleStart),
    clipUtf8(withoutTerminators(oneLine(title)), maxTitleBytes),
    Buffer.from(terminator),
  ];
  let length = parts.reduce((sum, part) => sum + part.length, 0);
  const link = oneLine(url ?? '');
  if (link !== '') {
    const field = Buffer.from(urlStart + link.replaceAll("'", '%27') + terminator);
    if (length + field.length <= maxMetadataTextBytes) {
      parts.push(field);
      length += field.length;
    }
  }
  const units = Math.ceil(length / unitBytes);
  const block = new Uint8Array(1 + units * unitBytes);
  block[0] = units;
  let at = 1;
  for (const part of parts) {
    block.set(part, at);
    at += part.length;
  }
  return block;
}

export type MetadataFields = { readonly title?: string; readonly url?: string };

/**
 * Reads a block, length byte included; fields that are not there are absent. Text that
 * is not UTF-8 is taken for the given charset, as titles are. Bytes beyond the length are
 * not read, and a value that nothing closes runs to the end of the text.
 */
export function parseMetadataBlock(block: Uint8Array, charset?: string): MetadataFields {
  const end = 1 + (block[0] ?? 0) * unitBytes;
  const padded = Buffer.from(block.buffer, block.byteOffset, block.byteLength).subarray(1, end);
  const nul = padded.indexOf(0);
  const text = nul < 0 ? padded : padded.subarray(0, nul);
  const title = field(text, titleStart, 0);
  const url = field(text, urlStart, title?.next ?? 0);
  return {
    ...(title && { title: decodeTitle(title.value, charset) }),
    ...(url && { url: decodeTitle(url.value, charset) }),
  };
}

function field(text: Buffer, start: string, from: number): { value: Buffer; next: number } | undefined {
  const at = text.indexOf(start, from, 'latin1');
  if (at < 0) return undefined;
  const begin = at + start.length;
  const end = text.indexOf(terminator, begin, 'latin1');
  if (end >= 0) return { value: text.subarray(begin, end), next: end + terminator.length };
  const closed = text.length > begin && text.at(-1) === 0x27;
  return { value: text.subarray(begin, closed ? text.length - 1 : text.length), next: text.length };
}

/** A leading semicolon too would make a terminator for players that look for it from the opening quote on. */
function withoutTerminators(title: string): string {
  return (title.startsWith(';') ? ` ${title}` : title).replaceAll(terminator, "' ;");
}

/** Control characters never reach a player; every byte is at least one character, so this cuts nothing that fits. */
function oneLine(text: string): string {
  return cleanText(text, maxMetadataTextBytes);
}
