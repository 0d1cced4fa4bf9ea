/**
 * Makes text of strangers fit for one line of display, a header or a log: well-formed,
 * without control characters, on one line, trimmed, and no longer than was agreed.
 */
import { clipUtf8, decodeUtf8 } from './utf8.ts';

/** Characters that end a line or move the cursor sideways become one space, so that words stay apart. */
const lineBreaks = /[\t\n\v\f\r\u2028\u2029]+/g;
const controls = /\p{Cc}/gu;

/** One clean line of at most `maxCodePoints` characters. */
export function cleanText(text: string, maxCodePoints: number): string {
  const line = text.toWellFormed().replace(lineBreaks, ' ').replace(controls, '').trim();
  if (line.length <= maxCodePoints) return line;
  let end = 0;
  let count = 0;
  for (const char of line) {
    if (count === maxCodePoints) break;
    count++;
    end += char.length;
  }
  return line.slice(0, end).trimEnd();
}

/** One clean line of at most `maxBytes` bytes of UTF-8. */
export function cleanTextBytes(text: string, maxBytes: number): string {
  const line = cleanText(text, maxBytes);
  return (decodeUtf8(clipUtf8(line, maxBytes)) ?? '').trimEnd();
}
