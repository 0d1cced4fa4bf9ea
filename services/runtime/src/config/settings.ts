/**
 * The settings of a running server as every part of it reads them: plain, frozen data.
 */
import type { MountSettings } from './mount-schema.ts';
import type { PlainSettings } from './settings-schema.ts';

export type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** A `[Mount …]` section as written; what it leaves out comes from elsewhere (mount-settings.ts). */
export type MountSection = {
  /** A mount path, or with `*` a template of mount paths. */
  readonly pattern: string;
  readonly values: Readonly<Partial<MountSettings>>;
  readonly line: number;
};

export type Settings = DeepReadonly<PlainSettings> & { readonly mounts: readonly MountSection[] };

export type SettingLayer = 'defaults' | 'file' | 'command line' | 'environment';

/** Where a value comes from. */
export type Origin = {
  readonly layer: SettingLayer;
  /** `legacystream.ini:12`, `--set server.httpPort`, `environment LEGACYSTREAM_…`, or empty for a default. */
  readonly where: string;
};

export type SettingProblem = {
  readonly code: 'LS_CONFIG_INVALID' | 'LS_CONFIG_UNREADABLE' | 'LS_CREDENTIAL_WEAK';
  /** As in {@link Origin}. */
  readonly where: string;
  readonly message: string;
};

/** `legacystream.ini:12: [Server] HttpPort: expected …` */
export function formatProblem(problem: SettingProblem): string {
  return `${problem.where}: ${problem.message}`;
}
