/**
 * What each layer of the configuration hands to the merge: texts for known settings
 * with the place they stand at, and what could not be understood.
 */
import { nearestName } from './nearest-name.ts';
import { type KnownSection, type KnownSetting, mountSection, plainSections } from './setting-catalogue.ts';
import type { Origin, SettingLayer, SettingProblem } from './settings.ts';

export type LayerEntry = {
  readonly section: KnownSection;
  readonly setting: KnownSetting;
  readonly text: string;
  readonly where: string;
};

export type MountEntries = {
  readonly pattern: string;
  readonly line: number;
  readonly where: string;
  readonly entries: readonly LayerEntry[];
};

export type LayerContent = {
  readonly layer: SettingLayer;
  readonly entries: readonly LayerEntry[];
  readonly mounts: readonly MountEntries[];
  readonly problems: readonly SettingProblem[];
  readonly warnings: readonly SettingProblem[];
};

export function invalid(where: string, message: string): SettingProblem {
  return { code: 'LS_CONFIG_INVALID', where, message };
}

/** The place of the first of the settings that somebody wrote. */
export function whereOf(origins: ReadonlyMap<string, Origin>, ...paths: string[]): string {
  const written = paths
    .map((path) => origins.get(path))
    .find((origin) => origin && origin.layer !== 'defaults');
  return written?.where ?? 'defaults';
}

/** `unknown key "HtpPort" in [Server]; did you mean HttpPort?` */
export function unknownKeyMessage(section: KnownSection, key: string): string {
  const near =
    sameKeyElsewhere(key) ??
    nearestName(
      key,
      section.settings.map((setting) => setting.iniKey),
    );
  return withGuess(`unknown key ${JSON.stringify(clip(key))} in [${section.iniName}]`, near);
}

function sameKeyElsewhere(key: string): string | undefined {
  for (const section of [...plainSections, mountSection]) {
    const setting = section.byKey.get(key.toLowerCase());
    if (setting) return `[${section === mountSection ? 'Mount /path' : section.iniName}] ${setting.iniKey}`;
  }
  return undefined;
}

/** `unknown section "Sever"; did you mean Server?` */
export function unknownSectionMessage(name: string): string {
  const near = nearestName(name.split(/\s/, 1)[0] ?? '', [...plainSections.map((s) => s.iniName), 'Mount']);
  return withGuess(
    `unknown section ${JSON.stringify(clip(name))}`,
    near === 'Mount' ? '[Mount /path]' : near,
  );
}

export function withGuess(message: string, near: string | undefined): string {
  return near === undefined ? message : `${message}; did you mean ${near}?`;
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
