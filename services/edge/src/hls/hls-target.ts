/**
 * Paths of HLS (design §14a): `/<mount>/playlist.m3u8`, and below `/<mount>/hls/<rendition>/`
 * the media playlist `live.m3u8` and what it lists.
 */
import { parseMountPath } from '@legacystream/core/mounts/mount-path.ts';
import { splitTarget } from '@legacystream/core/protocols/query.ts';

export type HlsTarget = {
  readonly mountPath: string;
  readonly rawQuery: string;
} & (
  | { readonly kind: 'multivariant' }
  | { readonly kind: 'media'; readonly rendition: string }
  | { readonly kind: 'resource'; readonly rendition: string; readonly name: string }
);

export const mediaPlaylistName = 'live.m3u8';
/** The stream as its source sends it. */
export const sourceRendition = 'source';
const multivariantSuffix = '/playlist.m3u8';
const resourcePattern = /^(.+)\/hls\/([a-z0-9-]{1,32})\/([a-z0-9.-]{1,64})$/;

/** Undefined for every other target; a path that is no mount path is none of these. */
export function parseHlsTarget(target: string): HlsTarget | undefined {
  const { rawPath, rawQuery } = splitTarget(target);
  if (rawPath.endsWith(multivariantSuffix)) {
    const mountPath = mountPathOf(rawPath.slice(0, -multivariantSuffix.length));
    return mountPath === undefined ? undefined : { kind: 'multivariant', mountPath, rawQuery };
  }
  const match = resourcePattern.exec(rawPath);
  const mountPath = match && mountPathOf(match[1]!);
  if (!match || mountPath === undefined || mountPath === null) return undefined;
  const [, , rendition, name] = match as unknown as [string, string, string, string];
  return name === mediaPlaylistName
    ? { kind: 'media', mountPath, rawQuery, rendition }
    : { kind: 'resource', mountPath, rawQuery, rendition, name };
}

function mountPathOf(rawPath: string): string | undefined {
  try {
    return parseMountPath(rawPath);
  } catch {
    return undefined;
  }
}
