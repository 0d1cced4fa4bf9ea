/**
 * Every known section and setting, found by any of its names: `[Server] HttpPort` in
 * the file, `server.httpPort` in arguments and in code, and
 * `LEGACYSTREAM_SERVER_HTTP_PORT` in the environment.
 */
import { mountSchema } from './mount-schema.ts';
import type { SettingSchema } from './setting-schema.ts';
import { settingsSchema } from './settings-schema.ts';

export type KnownSetting = {
  /** The property in code: `httpPort`. */
  readonly key: string;
  /** The key in the file: `HttpPort`. */
  readonly iniKey: string;
  readonly schema: SettingSchema;
};

export type KnownSection = {
  /** The property in code: `server`. */
  readonly name: string;
  /** The section in the file: `Server`. */
  readonly iniName: string;
  readonly description: string;
  readonly settings: readonly KnownSetting[];
  /** The settings by their key in lower case. */
  readonly byKey: ReadonlyMap<string, KnownSetting>;
};

export const plainSections: readonly KnownSection[] = Object.entries(settingsSchema.properties).map(
  ([name, schema]) => knownSection(name, schema),
);

export const mountSection: KnownSection = knownSection('mount', mountSchema);

const sectionsByName = new Map(plainSections.map((section) => [section.name.toLowerCase(), section]));

export function findSection(name: string): KnownSection | undefined {
  return sectionsByName.get(name.toLowerCase());
}

/** A setting by `section.key`, case ignored. */
export function findSetting(path: string): { section: KnownSection; setting: KnownSetting } | undefined {
  const dot = path.indexOf('.');
  const section = findSection(path.slice(0, Math.max(dot, 0)));
  const setting = section?.byKey.get(path.slice(dot + 1).toLowerCase());
  return section && setting && { section, setting };
}

/** `server.httpPort`: the key of the setting among origins, and in `--set`. */
export function settingPath(section: KnownSection, setting: KnownSetting): string {
  return `${section.name}.${setting.key}`;
}

/** `streaming.linger` as `[Streaming] Linger` */
export function settingTitle(path: string): string {
  const known = findSetting(path);
  return known ? `[${known.section.iniName}] ${known.setting.iniKey}` : path;
}

/** `LEGACYSTREAM_SERVER_HTTP_PORT` */
export function environmentName(section: KnownSection, setting: KnownSetting): string {
  return `LEGACYSTREAM_${snake(section.name)}_${snake(setting.key)}`;
}

function knownSection(name: string, schema: { readonly properties: object }): KnownSection {
  const { title, description } = schema as { title?: string; description?: string };
  const settings = Object.entries(schema.properties).map(([key, property]) => ({
    key,
    iniKey: key.slice(0, 1).toUpperCase() + key.slice(1),
    schema: property as SettingSchema,
  }));
  return {
    name,
    iniName: title ?? name,
    description: description ?? '',
    settings,
    byKey: new Map(settings.map((setting) => [setting.key.toLowerCase(), setting])),
  };
}

function snake(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, '_$&').toUpperCase();
}
