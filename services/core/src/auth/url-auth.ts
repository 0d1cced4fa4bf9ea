/**
 * Icecast's URL authentication of listeners (protocols §8): the bodies that a back end is sent
 * and what counts of its answer, as Icecast 2.4.4 does it. Field order and encoding are part of
 * the contract, since back ends exist that read neither by the book.
 */
import { cleanText } from '../titles/clean-text.ts';

/** Who wants to listen. Text that came in a request head is Latin-1 characters, as it was sent. */
export type AuthListener = {
  /** As the listener's id everywhere else. */
  readonly id: number;
  /** Path and query as they were asked for, not decoded. */
  readonly target: string;
  /** Of Basic; empty where the client gave none. Text, sent as UTF-8. */
  readonly user: string;
  readonly password: string;
  readonly ip: string;
  /** Undefined where the client named none. */
  readonly userAgent: string | undefined;
};

export type AuthServer = { readonly name: string; readonly port: number };

export type AuthAnswer = {
  readonly accepted: boolean;
  /** The listener is to be ended after so many seconds. */
  readonly limitS: number | undefined;
  /** One clean line for the log. */
  readonly message: string | undefined;
};

export type AnswerHeaders = {
  /** What a header line of the answer begins with that lets the listener in. */
  readonly accept: string;
  /** What the line with the seconds begins with. */
  readonly timeLimit: string;
};

/** Alone among the headers it is compared to its end: `1` must not let in who is told `10`. */
export const defaultAcceptHeader = 'icecast-auth-user: 1';
const messageHeader = 'icecast-auth-message:';
const maxMessageChars = 200;

/**
 * @param forwarded name and value of client headers, the prefix already before the name
 */
export function encodeListenerAdd(
  listener: AuthListener,
  server: AuthServer,
  forwarded: readonly (readonly [name: string, value: string])[] = [],
): string {
  const headers = forwarded.map(([name, value]) => `&${name}=${escapeBytes(value)}`).join('');
  return `action=listener_add${whereOf(listener, server)}${whoOf(listener)}${fromOf(listener)}${headers}`;
}

export function encodeListenerRemove(listener: AuthListener, server: AuthServer, seconds: number): string {
  const where = whereOf(listener, server);
  return `action=listener_remove${where}${whoOf(listener)}&duration=${seconds}${fromOf(listener)}`;
}

/** @param rawHeaders names and values in turn, as they came */
export function readAuthAnswer(rawHeaders: readonly string[], wanted: AnswerHeaders): AuthAnswer {
  const accept = wanted.accept.toLowerCase();
  const isWhole = accept === defaultAcceptHeader;
  const timeLimit = wanted.timeLimit.toLowerCase();
  let accepted = false;
  let limitS: number | undefined;
  let message: string | undefined;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const text = `${rawHeaders[at]}: ${rawHeaders[at + 1]}`;
    const line = text.toLowerCase();
    if (isWhole ? line === accept : line.startsWith(accept)) accepted = true;
    if (timeLimit !== '' && line.startsWith(timeLimit)) {
      const digits = /^\s*(\d{1,9})/.exec(line.slice(timeLimit.length))?.[1];
      if (digits !== undefined) limitS = Number(digits);
    }
    if (line.startsWith(messageHeader))
      message = cleanText(text.slice(messageHeader.length), maxMessageChars) || undefined;
  }
  return { accepted, limitS, message };
}

function whereOf({ id, target }: AuthListener, { name, port }: AuthServer): string {
  return `&server=${escapeText(name)}&port=${port}&client=${id}&mount=${escapeBytes(target)}`;
}

function whoOf({ user, password }: AuthListener): string {
  return `&user=${escapeText(user)}&pass=${escapeText(password)}`;
}

function fromOf({ ip, userAgent }: AuthListener): string {
  return `&ip=${escapeText(ip)}&agent=${userAgent === undefined ? '-' : escapeBytes(userAgent)}`;
}

function escapeText(text: string): string {
  return percentEncode(Buffer.from(text, 'utf8'));
}

function escapeBytes(latin1: string): string {
  return percentEncode(Buffer.from(latin1, 'latin1'));
}

/** Everything but letters and digits, in lower case. */
function percentEncode(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) {
    const isPlain =
      (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
    out += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`;
  }
  return out;
}
