/**
 * The settings of one mount, merged lowest first: built-in defaults, the plain setting
 * that a key inherits, the templates that match from least to most specific, the
 * mount's own section. A template is the more specific the longer its text before the
 * first `*`; of equals the later in the file counts.
 */
import type { MountSettings } from './mount-schema.ts';
import { mountSection } from './setting-catalogue.ts';
import type { MountSection, Settings } from './settings.ts';

export type EffectiveMountSettings = Readonly<MountSettings> & {
  /** The mount has a section of its own; a template that matches does not count. */
  readonly declared: boolean;
};

type MountIndex = {
  readonly exact: ReadonlyMap<string, MountSection>;
  readonly templates: readonly MountSection[];
  readonly inherited: MountSettings;
  /** By path, as they were asked for. */
  readonly effective: Map<string, EffectiveMountSettings>;
};

/** Settings never change, so that their mounts are sorted, and each is merged, once. */
const indexes = new WeakMap<Settings, MountIndex>();
/** Anybody can ask for any path: forgotten all at once, what is in use is soon known again. */
const maxEffective = 10_000;

/** @param path a decoded mount path */
export function mountSettingsFor(settings: Settings, path: string): EffectiveMountSettings {
  const { effective, inherited, exact } = indexOf(settings);
  const known = effective.get(path);
  if (known) return known;
  const sections = mountSectionsFor(settings, path).map(({ values }) => values);
  const merged = Object.freeze(Object.assign({}, inherited, ...sections, { declared: exact.has(path) }));
  if (effective.size >= maxEffective) effective.clear();
  effective.set(path, merged);
  return merged;
}

/** The sections that say something of the mount, the strongest last. */
export function mountSectionsFor(settings: Settings, path: string): MountSection[] {
  const { exact, templates } = indexOf(settings);
  const own = exact.get(path);
  const matching = templates.filter(({ pattern }) => matchesTemplate(pattern, path));
  return own ? [...matching, own] : matching;
}

/** What a mount has that no section speaks of. */
export function inheritedMountSettings(settings: Settings): MountSettings {
  const values = mountSection.settings.map(({ key, schema }) => {
    const [section, plainKey] = schema.setting.inherits?.split('.') ?? [];
    const plain = settings as unknown as Record<string, Record<string, unknown>>;
    return [key, section && plainKey ? plain[section]?.[plainKey] : schema.default];
  });
  return Object.fromEntries(values) as MountSettings;
}

/** True where the pattern, in which `*` stands for any characters and none, covers the whole path. */
export function matchesTemplate(pattern: string, path: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) return pattern === path;
  if (!path.startsWith(head) || !path.slice(head.length).endsWith(tail)) return false;
  const end = path.length - tail.length;
  let at = head.length;
  for (const part of rest) {
    // The earliest place is always as good as a later one, so that nothing need be tried twice.
    const found = path.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

function indexOf(settings: Settings): MountIndex {
  let index = indexes.get(settings);
  if (index === undefined) {
    const templates = settings.mounts.filter(({ pattern }) => pattern.includes('*'));
    templates.sort((a, b) => a.pattern.indexOf('*') - b.pattern.indexOf('*'));
    const exact = settings.mounts.filter(({ pattern }) => !pattern.includes('*'));
    index = {
      exact: new Map(exact.map((section) => [section.pattern, section])),
      templates,
      inherited: inheritedMountSettings(settings),
      effective: new Map(),
    };
    indexes.set(settings, index);
  }
  return index;
}
