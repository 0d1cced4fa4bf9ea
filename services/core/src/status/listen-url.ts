/**
 * The address of a mount for links and playlists. Mount paths are kept decoded
 * (`/rádio live.mp3`), addresses carry them percent-encoded (RFC 3986 §2).
 */
export function encodeMountPath(path: string): string {
  return path.toWellFormed().split('/').map(encodeURIComponent).join('/');
}

/** `https://radio.example/` and `/live.mp3` give `https://radio.example/live.mp3`. */
export function listenUrlOf(baseUrl: string, path: string): string {
  return `${baseUrl.replace(/\/+$/, '')}${encodeMountPath(path)}`;
}

/** Percent-encodes whatever may not stand in an address, so that it fills exactly one line. */
export function singleLineUrl(url: string): string {
  return url.toWellFormed().replace(/[^\x21-\x7e]+/gu, encodeURIComponent);
}
