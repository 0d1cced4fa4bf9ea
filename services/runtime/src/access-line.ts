/**
 * One line of the access log in the form that Icecast writes and royalty reports parse:
 * the combined log format with the seconds of the connection at its end.
 *
 *     ip - user [22/Nov/2026:13:33:07 +0000] "GET /a.mp3 HTTP/1.1" 200 bytes "referer" "ua" seconds
 *
 * Whatever a stranger sent is escaped so that it can neither end its field nor its line,
 * and so that the file is pure ASCII: `"` `\` as `\"` `\\`, everything else outside of
 * printable ASCII byte by byte as `\xhh`.
 */
import { hideSecrets } from './redaction.ts';

export type AccessEntry = {
  readonly ip: string;
  readonly user?: string | undefined;
  readonly method: string;
  /** As sent, 8-bit bytes as Latin-1 characters. */
  readonly target: string;
  readonly protocol: string;
  readonly status: number;
  /** Bytes sent in answer. */
  readonly bytes: number;
  readonly referer?: string | undefined;
  readonly userAgent?: string | undefined;
  /** How long the connection lasted. */
  readonly seconds: number;
};

const maxFieldLength = 4096;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The line of a connection that ended at `wallMs`, without its line feed. */
export function formatAccessLine(entry: AccessEntry, wallMs: number): string {
  const request = `${word(entry.method)} ${word(hideSecrets(entry.target))} ${word(entry.protocol)}`;
  const texts = `"${quoted(entry.referer)}" "${quoted(entry.userAgent)}"`;
  const numbers = `${count(entry.status)} ${count(entry.bytes)}`;
  const head = `${word(entry.ip)} - ${word(entry.user)} [${formatTime(wallMs)}]`;
  return `${head} "${request}" ${numbers} ${texts} ${count(entry.seconds)}`;
}

/** `22/Nov/2026:13:33:07 +0000`, always in UTC. */
function formatTime(wallMs: number): string {
  const time = new Date(wallMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${two(time.getUTCDate())}/${months[time.getUTCMonth()]}/${time.getUTCFullYear()}`;
  return `${date}:${two(time.getUTCHours())}:${two(time.getUTCMinutes())}:${two(time.getUTCSeconds())} +0000`;
}

/** A field between spaces. */
function word(text: string | undefined): string {
  return quoted(text).replaceAll(' ', '\\x20');
}

/** A field between quotes. */
function quoted(text: string | undefined): string {
  if (!text) return '-';
  return text.slice(0, maxFieldLength).replace(/[^ !#-[\]-~]/gu, escapeChar);
}

function escapeChar(char: string): string {
  if (char === '"' || char === '\\') return `\\${char}`;
  const code = char.codePointAt(0)!;
  const bytes = code <= 0xff ? [code] : Buffer.from(char);
  let escaped = '';
  for (const byte of bytes) escaped += `\\x${byte.toString(16).padStart(2, '0')}`;
  return escaped;
}

function count(value: number): string {
  return Number.isFinite(value)
    ? Math.min(Math.max(0, Math.floor(value)), Number.MAX_SAFE_INTEGER).toFixed(0)
    : '0';
}
