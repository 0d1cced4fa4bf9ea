/**
 * The public path of a stream and its token form.
 *
 * A mount path is what stands between the host and the query of a stream's URL,
 * percent-decoded once: `/live.mp3`, `/club/main.ogg`. It is at most 255 bytes of
 * UTF-8, has no empty, `.` or `..` segment, no control character, backslash or
 * trailing slash, and never lies under a path that the server answers itself.
 */
import { LegacyStreamError } from '../errors.ts';

const maxPathBytes = 255;

/** First segments that belong to the server's own pages. */
const reservedSegments = new Set(['admin', 'api', 'dashboard', 'embed', 'assets', 'admin.cgi', '!POKE']);

/** Whole paths that belong to the server's own pages. */
const reservedPaths = new Set([
  '/7.html', '/7.xsl', '/currentsong', '/favicon.ico', '/healthz', '/index.html', '/lbz', '/livez', '/metrics',
  '/played', '/played.html', '/readyz', '/robots.txt', '/stats', '/statistics', '/status-json.xsl', '/status.xsl',
]);

/** True where the server itself answers, so that no source may take the path. */
export function isReservedPath(path: string): boolean {
  return path === '/' || reservedPaths.has(path) || reservedSegments.has(path.slice(1).split('/', 1)[0] ?? '');
}

/**
 * Decodes and checks the path of a request target (query already removed).
 * @throws LegacyStreamError LS_MOUNT_PATH_INVALID with the reason
 */
export function parseMountPath(rawPath: string): string {
  let path: string;
  try {
    path = decodeURIComponent(rawPath);
  } catch {
    throw invalid('is not valid percent-encoded UTF-8');
  }
  if (!path.startsWith('/')) throw invalid('must start with a slash');
  if (Buffer.byteLength(path) > maxPathBytes) throw invalid(`is longer than ${maxPathBytes} bytes`);
  if (/[\u0000-\u001f\u007f\\]/.test(path)) throw invalid('has a control character or a backslash');
  const segments = path.slice(1).split('/');
  if (segments.some((s) => s === '' || s === '.' || s === '..')) throw invalid('has an empty or dot segment');
  return path;
}

/**
 * A token that stands for a mount path in bus subjects, store keys and file
 * names: `A-Z a-z 0-9 -` stay, every other UTF-8 byte becomes `_hh`. The leading
 * slash is left out. `/live.mp3` ⇄ `live_2emp3`.
 */
export function mountIdOf(path: string): string {
  let id = '';
  for (const byte of Buffer.from(path.slice(1), 'utf8')) {
    const char = String.fromCharCode(byte);
    id += /[A-Za-z0-9-]/.test(char) ? char : `_${byte.toString(16).padStart(2, '0')}`;
  }
  return id;
}

/** The inverse of {@link mountIdOf}; undefined for a token that it never makes. */
export function mountPathOf(mountId: string): string | undefined {
  if (!/^(?:[A-Za-z0-9-]|_[0-9a-f]{2})+$/.test(mountId)) return undefined;
  const bytes = mountId.replace(/_([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return `/${Buffer.from(bytes, 'latin1').toString('utf8')}`;
}

function invalid(reason: string): LegacyStreamError {
  return new LegacyStreamError('LS_MOUNT_PATH_INVALID', `mount path ${reason}`);
}
