/**
 * Loads the configuration: defaults, INI file, `--set` arguments and environment, each
 * layer over the one before (design §12).
 *
 * Nothing in the content makes it throw: all errors are collected, each with its
 * place, and the settings given beside them are the best reading of the rest.
 */
import { readCommandLineLayer } from './command-line-layer.ts';
import { crossCheck } from './cross-checks.ts';
import { readEnvironmentLayer } from './environment-layer.ts';
import { readIniLayer } from './ini-layer.ts';
import type { MountSettings } from './mount-schema.ts';
import { type ReadFile, readSecretFiles } from './secret-files.ts';
import { mountSection, plainSections, settingPath } from './setting-catalogue.ts';
import type { LayerContent } from './setting-layer.ts';
import { SettingValidator } from './setting-validator.ts';
import type { MountSection, Origin, SettingProblem, Settings } from './settings.ts';

export type SettingSources = {
  /** Read with `readFile`; also the name of `iniText` in messages. */
  readonly iniPath?: string | undefined;
  readonly iniText?: string | undefined;
  /** `section.key=value`, from `--set`. */
  readonly args?: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The UTF-8 text of a file; throws when it cannot be read. */
  readonly readFile: ReadFile;
};

export type LoadedSettings = {
  readonly settings: Settings;
  /** By `section.key`, and `<mount pattern>.key` for what mount sections say. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** Errors: with any of them the settings must not be used to serve. */
  readonly problems: readonly SettingProblem[];
  readonly warnings: readonly SettingProblem[];
};

/** Compiles on first use and is kept, so that loading again is quick. */
const validator = new SettingValidator();

export function loadSettings(sources: SettingSources): LoadedSettings {
  const { args = [], env, readFile } = sources;
  const problems: SettingProblem[] = [];
  const warnings: SettingProblem[] = [];
  const origins = new Map<string, Origin>();
  const values: Record<string, Record<string, unknown>> = {};
  for (const section of plainSections) {
    const defaults: Record<string, unknown> = {};
    for (const setting of section.settings) {
      defaults[setting.key] = structuredClone(setting.schema.default);
      origins.set(settingPath(section, setting), { layer: 'defaults', where: '' });
    }
    values[section.name] = defaults;
  }

  // Lowest first: each layer overrides the ones before it.
  const layers: LayerContent[] = [
    readIni(sources, problems),
    readCommandLineLayer(args),
    readEnvironmentLayer(env),
  ];
  const mounts: MountSection[] = [];
  for (const layer of layers) {
    problems.push(...layer.problems);
    warnings.push(...layer.warnings);
    for (const { entry, value } of validator.validate(layer.entries, problems)) {
      values[entry.section.name]![entry.setting.key] = value;
      origins.set(settingPath(entry.section, entry.setting), { layer: layer.layer, where: entry.where });
    }
    for (const mount of layer.mounts) {
      const own: Record<string, unknown> = {};
      for (const { entry, value } of validator.validate(mount.entries, problems)) {
        own[entry.setting.key] = value;
        origins.set(`${mount.pattern}.${entry.setting.key}`, { layer: layer.layer, where: entry.where });
      }
      readSecretFiles(mountSection, own, mount.pattern, origins, readFile, problems);
      mounts.push({ pattern: mount.pattern, values: own as Partial<MountSettings>, line: mount.line });
    }
  }
  for (const section of plainSections) {
    readSecretFiles(section, values[section.name]!, section.name, origins, readFile, problems);
  }

  const settings = deepFreeze({ ...values, mounts }) as unknown as Settings;
  const found = crossCheck(settings, origins);
  return {
    settings,
    origins,
    problems: inReadingOrder([...problems, ...found.problems]),
    warnings: inReadingOrder([...warnings, ...found.warnings]),
  };
}

/** What stands in the file by line, then the rest as it was found. */
function inReadingOrder(problems: readonly SettingProblem[]): SettingProblem[] {
  const lineOf = ({ where }: SettingProblem) => Number(/:(\d+)$/.exec(where)?.[1] ?? Number.MAX_SAFE_INTEGER);
  return problems.toSorted((a, b) => lineOf(a) - lineOf(b));
}

function readIni({ iniPath, iniText, readFile }: SettingSources, problems: SettingProblem[]): LayerContent {
  const name = iniPath ?? 'configuration';
  let text = iniText;
  if (text === undefined && iniPath !== undefined) {
    try {
      text = readFile(iniPath);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push({
        code: 'LS_CONFIG_UNREADABLE',
        where: name,
        message: `cannot read the configuration: ${reason}`,
      });
    }
  }
  return readIniLayer(text ?? '', name);
}

function deepFreeze<T extends object>(value: T): T {
  for (const child of Object.values(value)) {
    if (typeof child === 'object' && child !== null) deepFreeze(child);
  }
  return Object.freeze(value);
}
