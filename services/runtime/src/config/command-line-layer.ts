/** The layer of `--set section.key=value` arguments; of a repeated one the last counts. */
import { nearestName } from './nearest-name.ts';
import { findSection, findSetting } from './setting-catalogue.ts';
import {
  invalid,
  type LayerContent,
  type LayerEntry,
  unknownKeyMessage,
  unknownSectionMessage,
} from './setting-layer.ts';
import type { SettingProblem } from './settings.ts';

export function readCommandLineLayer(args: readonly string[]): LayerContent {
  const entries: LayerEntry[] = [];
  const problems: SettingProblem[] = [];
  for (const arg of args) {
    const equals = arg.indexOf('=');
    // A value without its key is not repeated in messages: it may be a password.
    const path = arg.slice(0, Math.max(equals, 0)).trim();
    const dot = path.indexOf('.');
    const where = path === '' ? '--set' : `--set ${path}`;
    if (dot < 0) {
      problems.push(invalid(where, 'expected section.key=value'));
      continue;
    }
    const known = findSetting(path);
    if (known) {
      entries.push({ ...known, text: arg.slice(equals + 1).trim(), where });
      continue;
    }
    const section = findSection(path.slice(0, dot));
    if (section) problems.push(invalid(where, unknownKeyMessage(section, path.slice(dot + 1))));
    else if (nearestName(path.slice(0, dot), ['mount']) !== undefined) {
      problems.push(invalid(where, 'mounts are set in the INI file, in a section [Mount /path]'));
    } else problems.push(invalid(where, unknownSectionMessage(path.slice(0, dot))));
  }
  return { layer: 'command line', entries, mounts: [], problems, warnings: [] };
}
