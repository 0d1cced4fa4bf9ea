/**
 * Which mount a SHOUTcast stream id stands for: the one whose section says so, else
 * stream 1 is `[Server] ShoutcastMount` and stream N the path below it named N.
 */
import type { Settings } from './settings.ts';

export function shoutcastMountPath(settings: Settings, sid: number): string {
  const named = settings.mounts.find(({ values, pattern }) => values.sid === sid && !pattern.includes('*'));
  if (named) return named.pattern;
  return sid === 1 ? settings.server.shoutcastMount : `${settings.server.shoutcastMount}/${sid}`;
}
