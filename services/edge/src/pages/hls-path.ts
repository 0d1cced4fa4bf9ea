/** Which mounts are served as HLS, and where: what pages link and players ask for. */
import { containersOf } from '@legacystream/core/hls/track-reader.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import { encodeMountPath } from '@legacystream/core/status/listen-url.ts';
import { mountSettingsFor } from '@legacystream/runtime/config/mount-settings.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';

/** False as long as the codec is not known. */
export function hasHls(settings: Settings, { path, codec, codecPending }: MountState): boolean {
  return !codecPending && containersOf(codec).length > 0 && mountSettingsFor(settings, path).hls;
}

/** The address of the multivariant playlist on this server, percent-encoded. */
export function hlsPathOf(mountPath: string): string {
  return `${encodeMountPath(mountPath)}/playlist.m3u8`;
}
