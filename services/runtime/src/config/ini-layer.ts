/** The layer of the INI file: plain sections and mounts. */
import { parseMountPath } from '@legacystream/core/mounts/mount-path.ts';
import { type IniSection, parseIni } from './ini-document.ts';
import { findSection, type KnownSection, mountSection } from './setting-catalogue.ts';
import { isMountPattern, settingFormats } from './setting-formats.ts';
import {
  invalid,
  type LayerContent,
  type LayerEntry,
  type MountEntries,
  unknownKeyMessage,
  unknownSectionMessage,
} from './setting-layer.ts';
import type { SettingProblem } from './settings.ts';

/** @param fileName how the file is named in messages */
export function readIniLayer(iniText: string, fileName: string): LayerContent {
  const document = parseIni(iniText);
  const at = (line: number) => `${fileName}:${line}`;
  const problems: SettingProblem[] = document.problems.map(({ line, message }) => invalid(at(line), message));
  const entries: LayerEntry[] = [];
  const mounts: MountEntries[] = [];
  const openedAt = new Map<string, number>();

  for (const ini of document.sections) {
    const where = at(ini.line);
    const pattern = mountPattern(ini.name);
    const section = pattern === undefined ? findSection(ini.name) : mountSection;
    if (section === undefined) {
      problems.push(invalid(where, unknownSectionMessage(ini.name)));
      continue;
    }
    if (pattern !== undefined && !isMountPattern(pattern)) {
      problems.push(
        invalid(where, `[Mount] needs ${settingFormats.mountPath.expected}, got ${JSON.stringify(pattern)}`),
      );
      continue;
    }
    const path = pattern === undefined ? undefined : parseMountPath(pattern);
    const identity = path === undefined ? section.name : `mount ${path}`;
    const opened = openedAt.get(identity);
    if (opened !== undefined) {
      problems.push(invalid(where, `[${ini.name}] was opened at line ${opened} already; put its keys there`));
    }
    openedAt.set(identity, opened ?? ini.line);
    const read = readEntries(ini, section, at, problems);
    if (path === undefined) entries.push(...read);
    else if (opened === undefined) mounts.push({ pattern: path, line: ini.line, where, entries: read });
  }
  return { layer: 'file', entries, mounts, problems, warnings: [] };
}

/** The text after `Mount`, empty if there is none; undefined for another section. */
function mountPattern(name: string): string | undefined {
  return /^mount(?:\s+(.*))?$/is
    .exec(name)
    ?.slice(1)
    .map((rest) => rest ?? '')[0];
}

function readEntries(
  ini: IniSection,
  section: KnownSection,
  at: (line: number) => string,
  problems: SettingProblem[],
): LayerEntry[] {
  const entries: LayerEntry[] = [];
  const firstLines = new Map<string, number>();
  for (const { key, value, line } of ini.entries) {
    const setting = section.byKey.get(key.toLowerCase());
    if (setting === undefined) {
      problems.push(invalid(at(line), unknownKeyMessage(section, key)));
      continue;
    }
    const first = firstLines.get(setting.key);
    if (first !== undefined) {
      problems.push(
        invalid(at(line), `[${ini.name}] ${setting.iniKey} is given twice, first at line ${first}`),
      );
      continue;
    }
    firstLines.set(setting.key, line);
    entries.push({ section, setting, text: value, where: at(line) });
  }
  return entries;
}
