/**
 * `legacystream config explain [section | section.key | /mount]`: each value, the place
 * it comes from and what it is for. Secrets are masked.
 */
import { inheritedMountSettings, mountSectionsFor } from '@legacystream/runtime/config/mount-settings.ts';
import { nearestName } from '@legacystream/runtime/config/nearest-name.ts';
import {
  findSection,
  findSetting,
  type KnownSetting,
  mountSection,
  plainSections,
  settingPath,
  settingTitle,
} from '@legacystream/runtime/config/setting-catalogue.ts';
import { formatSettingValue } from '@legacystream/runtime/config/setting-text.ts';
import { formatProblem, type Origin, type Settings } from '@legacystream/runtime/config/settings.ts';
import type { CommandIo } from './command-io.ts';
import { loadCommandSettings, type SettingsOptions } from './command-settings.ts';

export type ExplainOptions = SettingsOptions & {
  /** A section, a setting or the path of a mount; everything where left out. */
  readonly key?: string | undefined;
};

type Origins = ReadonlyMap<string, Origin>;

/** @returns the exit status: 1 if the key is unknown or the configuration has errors */
export function runConfigExplain(
  options: ExplainOptions,
  io: Pick<CommandIo, 'env' | 'readFile' | 'stdout' | 'stderr'>,
): number {
  const { settings, origins, problems } = loadCommandSettings(options, io);
  for (const problem of problems) io.stderr(`${formatProblem(problem)}\n`);
  const lines = explain(options.key, settings, origins);
  if (lines === undefined) {
    const near = nearestName(options.key ?? '', knownPaths());
    io.stderr(`there is no setting ${options.key}${near === undefined ? '' : `; did you mean ${near}?`}\n`);
    return 1;
  }
  io.stdout(`${lines.join('\n')}\n`);
  return problems.length > 0 ? 1 : 0;
}

function explain(key: string | undefined, settings: Settings, origins: Origins): string[] | undefined {
  if (key === undefined) {
    return [
      ...plainSections.flatMap((section) => explainSection(section.name, settings, origins) ?? []),
      ...settings.mounts.flatMap(({ pattern, values }) =>
        mountSection.settings.flatMap((setting) =>
          setting.key in values
            ? line(`${pattern} ${setting.iniKey}`, setting, values, origins.get(`${pattern}.${setting.key}`))
            : [],
        ),
      ),
    ];
  }
  if (key.startsWith('/')) return explainMount(key, settings, origins);
  return explainSection(key, settings, origins) ?? explainSetting(key, settings, origins);
}

function explainSection(name: string, settings: Settings, origins: Origins): string[] | undefined {
  const section = findSection(name);
  return section?.settings.flatMap(
    (setting) => explainSetting(settingPath(section, setting), settings, origins) ?? [],
  );
}

function explainSetting(path: string, settings: Settings, origins: Origins): string[] | undefined {
  const known = findSetting(path);
  if (known === undefined) return undefined;
  const name = settingPath(known.section, known.setting);
  const values = (settings as unknown as Record<string, object>)[known.section.name] ?? {};
  return line(name, known.setting, values, origins.get(name));
}

/** What holds for one mount, and which section or setting says so. */
function explainMount(path: string, settings: Settings, origins: Origins): string[] {
  const inherited = inheritedMountSettings(settings);
  const sections = mountSectionsFor(settings, path);
  return mountSection.settings.flatMap((setting) => {
    const owner = sections.findLast(({ values }) => setting.key in values);
    if (owner)
      return line(
        `${path} ${setting.iniKey}`,
        setting,
        owner.values,
        origins.get(`${owner.pattern}.${setting.key}`),
      );
    const from = setting.schema.setting.inherits;
    const origin = from === undefined ? undefined : origins.get(from);
    const note = from === undefined ? '' : `${settingTitle(from)}, `;
    return line(`${path} ${setting.iniKey}`, setting, inherited, origin, note);
  });
}

function line(
  name: string,
  { key, schema }: KnownSetting,
  values: object,
  origin?: Origin,
  note = '',
): string[] {
  const value = formatSettingValue((values as Record<string, unknown>)[key]);
  const shown = value === '' ? '(empty)' : schema.setting.secret ? '••••' : value;
  return [
    `${name} = ${shown}  (${note}${origin?.where || 'default'})`,
    `    ${firstSentence(schema.description)}`,
  ];
}

function firstSentence(text: string): string {
  return /^.*?\.(?=\s|$)/.exec(text)?.[0] ?? text;
}

function* knownPaths(): Iterable<string> {
  for (const section of plainSections) {
    yield section.name;
    for (const setting of section.settings) yield settingPath(section, setting);
  }
}
