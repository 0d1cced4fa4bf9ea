/** Settings of listener authentication that cannot work together, with what to do about it. */
import { maxPasswordFileBytes, parseListenerPasswords } from '../listener-passwords.ts';
import { mountSectionsFor, mountSettingsFor } from './mount-settings.ts';
import type { ReadFile } from './secret-files.ts';
import { invalid, whereOf } from './setting-layer.ts';
import type { Origin, SettingProblem, Settings } from './settings.ts';

type Origins = ReadonlyMap<string, Origin>;

/** A template is judged as the mounts that nothing else speaks for. */
export function checkListenerAuth(settings: Settings, origins: Origins): SettingProblem[] {
  const problems: SettingProblem[] = [];
  for (const { pattern, values } of settings.mounts) {
    const mount = mountSettingsFor(settings, pattern);
    const say = (key: string, sentence: string) =>
      problems.push(
        invalid(
          whereOf(origins, `${pattern}.${key}`, `${pattern}.listenerAuth`),
          `[Mount ${pattern}] ${sentence}`,
        ),
      );
    if (mount.listenerAuth === 'off') {
      const isSaid = mountSectionsFor(settings, pattern).some((section) => section.values.listenerAuth);
      if (isSaid) continue;
      if (values.listenerPasswordFile)
        say('listenerPasswordFile', 'ListenerPasswordFile protects nothing without ListenerAuth=htpasswd');
      if (values.listenerAddUrl || values.listenerRemoveUrl)
        say(
          values.listenerAddUrl ? 'listenerAddUrl' : 'listenerRemoveUrl',
          'the URLs of listeners are not asked without ListenerAuth=url',
        );
      continue;
    }
    if (mount.listenerAuth === 'htpasswd' && !mount.listenerPasswordFile)
      say('listenerAuth', 'ListenerAuth=htpasswd needs ListenerPasswordFile');
    if (mount.listenerAuth === 'url') {
      if (!mount.listenerAddUrl) say('listenerAuth', 'ListenerAuth=url needs ListenerAddUrl');
      if (mount.authPassword && !mount.authUser) say('authPassword', 'AuthPassword needs AuthUser');
      if (mount.authUser && [mount.listenerAddUrl, mount.listenerRemoveUrl].some(hasUser))
        say('authUser', 'AuthUser and the user in a URL are both given; keep one');
    }
    if (mount.hls && settings.hls.counting !== 'token')
      say(
        'listenerAuth',
        `ListenerAuth cannot guard HLS with [Hls] Counting=${settings.hls.counting}: set Counting=token, or Hls=false for the mount`,
      );
  }
  return problems;
}

/** What is wrong with the password files of listeners; only servers with listeners need to have them. */
export function checkListenerPasswordFiles(
  settings: Settings,
  origins: Origins,
  readFile: ReadFile,
): SettingProblem[] {
  const problems: SettingProblem[] = [];
  const seen = new Set<string>();
  for (const { pattern } of settings.mounts) {
    const { listenerAuth, listenerPasswordFile: path } = mountSettingsFor(settings, pattern);
    if (listenerAuth !== 'htpasswd' || path === '' || seen.has(path)) continue;
    seen.add(path);
    const where = whereOf(origins, `${pattern}.listenerPasswordFile`, `${pattern}.listenerAuth`);
    const name = `[Mount ${pattern}] ListenerPasswordFile:`;
    try {
      const text = readFile(path);
      const parsed = text.length > maxPasswordFileBytes ? 'is too large' : parseListenerPasswords(text);
      if (typeof parsed === 'string') problems.push(invalid(where, `${name} ${path}: ${parsed}`));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push({
        code: 'LS_CONFIG_UNREADABLE',
        where,
        message: `${name} cannot read ${path}: ${reason}`,
      });
    }
  }
  return problems;
}

function hasUser(url: string): boolean {
  return url !== '' && new URL(url).username !== '';
}
