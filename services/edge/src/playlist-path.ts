/** Paths of playlists that point to a mount: `/live.mp3.m3u`, `.pls`, `.xspf`. */
const pattern = /^(\/.+)\.(m3u|pls|xspf)$/;

export type PlaylistKind = 'm3u' | 'pls' | 'xspf';

export function isPlaylistPath(path: string): boolean {
  return pattern.test(path);
}

export function parsePlaylistPath(path: string): { mountPath: string; kind: PlaylistKind } | undefined {
  const [, mountPath, kind] = pattern.exec(path) ?? [];
  return mountPath && kind ? { mountPath, kind: kind as PlaylistKind } : undefined;
}
