/**
 * One line of a head, `Name: value` (RFC 9112 §5), with or without the space.
 *
 * Refused: folded lines, a space before the colon, names that are no tokens, control
 * characters other than a tab. Values are Latin-1 characters, trimmed.
 */
import { LegacyStreamError } from '../errors.ts';

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const control = /[\0-\x08\x0a-\x1f\x7f]/;

/**
 * The name in lower case, and the value.
 * @throws LegacyStreamError LS_HEAD_MALFORMED
 */
export function parseHeaderLine(line: string): [name: string, value: string] {
  if (line.startsWith(' ') || line.startsWith('\t')) throw malformed('a line is folded');
  const colon = line.indexOf(':');
  if (colon < 0) throw malformed('a line has no colon');
  const rawName = line.slice(0, colon);
  if (!isToken(rawName)) throw malformed('a header name is not a token');
  const value = line.slice(colon + 1);
  if (hasControl(value)) throw malformed('a header value has a control character');
  return [rawName.toLowerCase(), trimBlanks(value)];
}

export function isToken(text: string): boolean {
  return token.test(text);
}

export function hasControl(text: string): boolean {
  return control.test(text);
}

/** Trims space and tab alone: what else counts as white in Latin-1 may be half of a UTF-8 character. */
export function trimBlanks(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value[start])) start++;
  while (end > start && isBlank(value[end - 1])) end--;
  return value.slice(start, end);
}

function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t';
}

function malformed(reason: string): LegacyStreamError {
  return new LegacyStreamError('LS_HEAD_MALFORMED', `request head is malformed: ${reason}`);
}
