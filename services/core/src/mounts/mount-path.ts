/**
 * The public path of a stream and its token form.
 *
 * A mount path is what stands between the host and the query of a stream's URL,
 * percent-decoded once: `/live.mp3`, `/club/main.ogg`. It is at most 255 bytes of
 * UTF-8, has no empty, `.` or `..` segment, no control character, backslash or
 * trailing slash. Sources are refused one that {@link isReservedPath}.
 */
import { LegacyStreamError } from '../errors.ts';

const maxPathBytes = 255;
/** A byte order mark is a character like any other here: dropping it would join two paths into one. */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** First segments that belong to the server's own pages. */
const reservedSegments = new Set(['admin', 'api', 'dashboard', 'embed', 'assets', 'admin.cgi', '!POKE']);

/** Whole paths that belong to the server's own pages. */
const reservedPaths = new Set([
  '/7.html',
  '/7.xsl',
  '/currentsong',
  '/favicon.ico',
  '/healthz',
  '/index.html',
  '/lbz',
  '/livez',
  '/metrics',
  '/played',
  '/played.html',
  '/readyz',
  '/robots.txt',
  '/stats',
  '/statistics',
  '/status-json.xsl',
  '/status.xsl',
]);

/** True where the server itself answers, so that no source may take the path. */
export function isReservedPath(path: string): boolean {
  return (
    path === '/' || reservedPaths.has(path) || reservedSegments.has(path.slice(1).split('/', 1)[0] ?? '')
  );
}

/**
 * Decodes and checks the path of a request target (query already removed). Unescaped
 * 8-bit bytes stand as Latin-1 characters in a request head; they are read as UTF-8
 * where they are that, so that `/caf%C3%A9` and the raw bytes of `/café` are one mount,
 * and as the characters themselves otherwise.
 * @throws LegacyStreamError LS_MOUNT_PATH_INVALID with the reason
 */
export function parseMountPath(rawPath: string): string {
  if (rawPath.length > 3 * maxPathBytes) throw invalid(`is longer than ${maxPathBytes} bytes`);
  let path: string;
  try {
    path = decodeURIComponent(textOf(rawPath));
  } catch {
    throw invalid('is not valid percent-encoded UTF-8');
  }
  return checkMountPath(path);
}

/**
 * Checks a path that is text already, as in a configuration file or an API call.
 * @throws LegacyStreamError LS_MOUNT_PATH_INVALID with the reason
 */
export function checkMountPath(path: string): string {
  if (!path.startsWith('/')) throw invalid('must start with a slash');
  if (Buffer.byteLength(path) > maxPathBytes) throw invalid(`is longer than ${maxPathBytes} bytes`);
  if (!path.isWellFormed()) throw invalid('is not valid Unicode');
  if (/[\u0000-\u001f\u007f-\u009f\\]/.test(path)) throw invalid('has a control character or a backslash');
  const segments = path.slice(1).split('/');
  if (segments.some((s) => s === '' || s === '.' || s === '..')) throw invalid('has an empty or dot segment');
  return path;
}

/**
 * A token that stands for a mount path in bus subjects and store keys: `A-Z a-z 0-9 -`
 * stay, every other UTF-8 byte becomes `_hh`. The leading slash is left out:
 * `/live.mp3` ⇄ `live_2emp3`. At most three times as long as the path.
 */
export function mountIdOf(path: string): string {
  const bytes = Buffer.from(path.slice(1), 'utf8').toString('latin1');
  return bytes.replace(/[^A-Za-z0-9-]/g, (char) => `_${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** The inverse of {@link mountIdOf}; undefined for a token that it never makes of a mount path. */
export function mountPathOf(mountId: string): string | undefined {
  if (mountId.length > 3 * maxPathBytes || !/^(?:[A-Za-z0-9-]|_[0-9a-f]{2})+$/.test(mountId))
    return undefined;
  const bytes = mountId.replace(/_([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  try {
    const path = checkMountPath(`/${strictUtf8.decode(Buffer.from(bytes, 'latin1'))}`);
    return mountIdOf(path) === mountId ? path : undefined;
  } catch {
    return undefined;
  }
}

/** The text behind a string of Latin-1 characters that are bytes of UTF-8; any other string unchanged. */
function textOf(raw: string): string {
  if (!/[\u0080-\u00ff]/.test(raw) || /[^\u0000-\u00ff]/.test(raw)) return raw;
  try {
    return strictUtf8.decode(Buffer.from(raw, 'latin1'));
  } catch {
    return raw;
  }
}

function invalid(reason: string): LegacyStreamError {
  return new LegacyStreamError('LS_MOUNT_PATH_INVALID', `mount path ${reason}`);
}
