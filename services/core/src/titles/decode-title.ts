/**
 * Titles as encoders send them, made into text (protocols §1.8).
 *
 * Nobody can rely on the charset that a client names, or on its naming one, so the
 * bytes speak first: valid UTF-8 is UTF-8; else the charset of the request, else that
 * of the mount, if the bytes are valid in it; else Latin-1 in its windows-1252 form,
 * in which every byte is a character. The result is one trimmed line without control
 * characters or lone surrogates, of at most 1024 code points.
 */
import { cleanText } from './clean-text.ts';
import { decodeUtf8 } from './utf8.ts';

export const maxTitleCodePoints = 1024;
const maxCharsetLabelLength = 40;
const separator = ' - ';

export function decodeTitle(bytes: Uint8Array, charset?: string, mountCharset?: string): string {
  const text =
    decodeNonAscii(bytes, charset) ??
    decodeUtf8(bytes) ??
    decodeAs(bytes, charset) ??
    decodeAs(bytes, mountCharset) ??
    new TextDecoder('windows-1252').decode(bytes);
  return cleanText(text.replace(/^\ufeff/, ''), maxTitleCodePoints);
}

/** What players are shown: `artist - title`, or the one of the two that there is. */
export function joinTitle(artist: string, title: string): string {
  return artist === '' || title === '' ? artist + title : artist + separator + title;
}

/** The inverse of {@link joinTitle}, as far as there is one: the artist ends at the first ` - `. */
export function splitTitle(display: string): { readonly artist: string; readonly title: string } {
  const at = display.indexOf(separator);
  if (at <= 0) return { artist: '', title: display };
  return { artist: display.slice(0, at), title: display.slice(at + separator.length) };
}

/**
 * UTF-16 and ISO-2022-JP text can look like valid UTF-8, but then it holds a NUL or an
 * escape, which no real UTF-8 title does; only with such a byte is the label believed first.
 */
function decodeNonAscii(bytes: Uint8Array, charset: string | undefined): string | undefined {
  if (!bytes.includes(0x00) && !bytes.includes(0x1b)) return undefined;
  return decodeAs(bytes, charset, /^(?:utf-16|iso-2022)/);
}

/** Undefined where the bytes are not valid in the charset, or its label is missing, overlong or unknown. */
function decodeAs(bytes: Uint8Array, charset: string | undefined, only = /^/): string | undefined {
  if (charset === undefined || charset === '' || charset.length > maxCharsetLabelLength) return undefined;
  try {
    const decoder = new TextDecoder(charset, { fatal: true });
    return only.test(decoder.encoding) ? decoder.decode(bytes) : undefined;
  } catch {
    return undefined;
  }
}
