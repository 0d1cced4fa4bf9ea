/**
 * Credentials as they come over the wire: HTTP Basic (RFC 7617) and the password line of
 * SHOUTcast v1 (protocols §2.1, §2.2). Bounded, and undefined for anything malformed, which
 * a caller treats as a wrong password.
 */
import { decodeUtf8, latin1Of } from '../titles/utf8.ts';
import { hasControl } from './header-line.ts';
import { textOf } from './query.ts';

export const maxBasicHeaderBytes = 1024;
export const maxPasswordLineBytes = 512;
const maxStreamId = 2 ** 31 - 1;

export type BasicCredentials = { readonly user: string; readonly password: string };

/** The user and password of an `Authorization` header. The password may hold colons, the user cannot. */
export function parseBasicAuth(header: string | undefined): BasicCredentials | undefined {
  if (header === undefined || header.length > maxBasicHeaderBytes) return undefined;
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header) ?? [];
  if (encoded === undefined || encoded.replace(/=+$/, '').length % 4 === 1) return undefined;
  const text = textOf(Buffer.from(encoded, 'base64'));
  const colon = text.indexOf(':');
  if (colon < 0 || hasControl(text)) return undefined;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

export type ShoutcastLogin = {
  readonly password: string;
  /** The DJ, where the line names one. */
  readonly user?: string;
  /** The stream, where the line names one by number. */
  readonly sid?: number;
  /** The path of the mount, where the line names one; not checked, not percent-decoded. */
  readonly mount?: string;
};

/** libshout asks with this in place of a password; anything may be answered that has no `OK` in it. */
export function isShoutcastPoke(line: string): boolean {
  return line === '!POKE';
}

/**
 * Reads `password`, `password:#sid`, `dj:password`, `dj:password:#sid` or
 * `/mount:password`. A `#` may stand in a password and so may a later colon, but a line
 * with a password that has a colon before it reads as a DJ's.
 * @param line without its line end, as Latin-1 characters
 */
export function parseShoutcastPassword(line: string): ShoutcastLogin | undefined {
  if (line.length > maxPasswordLineBytes || hasControl(line) || isShoutcastPoke(line)) return undefined;
  const text = fromLatin1(line);
  if (text.startsWith('/')) {
    const colon = text.indexOf(':');
    if (colon >= 0) return loginOf({ mount: text.slice(0, colon), password: text.slice(colon + 1) });
  }
  const [suffix, digits] = /:#(\d{1,10})$/.exec(text) ?? [];
  const sid = digits === undefined ? undefined : Number(digits);
  if (sid !== undefined && (sid < 1 || sid > maxStreamId)) return undefined;
  const login = suffix === undefined ? text : text.slice(0, -suffix.length);
  const colon = login.indexOf(':');
  const user = login.slice(0, Math.max(0, colon));
  return loginOf({
    password: login.slice(colon + 1),
    ...(user !== '' && { user }),
    ...(sid !== undefined && { sid }),
  });
}

function loginOf(login: ShoutcastLogin): ShoutcastLogin | undefined {
  return login.password === '' ? undefined : login;
}

/** Latin-1 characters that are UTF-8 bytes read one by one become the text that they were. */
function fromLatin1(line: string): string {
  const bytes = Buffer.from(line, 'latin1');
  return latin1Of(bytes) === line ? (decodeUtf8(bytes) ?? line) : line;
}
