/** Loads the settings that a command line asks for: `--config`, else LEGACYSTREAM_CONFIG, and `--set`. */
import { type LoadedSettings, loadSettings } from '@legacystream/runtime/config/load-settings.ts';
import type { CommandIo } from './command-io.ts';

export type SettingsOptions = {
  readonly config?: string | undefined;
  readonly set?: readonly string[] | undefined;
};

/** The INI file that the command line or the environment names; undefined where there is none. */
export function configurationFile(options: SettingsOptions, env: CommandIo['env']): string | undefined {
  return options.config ?? (env['LEGACYSTREAM_CONFIG'] || undefined);
}

export function loadCommandSettings(
  options: SettingsOptions,
  io: Pick<CommandIo, 'env' | 'readFile'>,
): LoadedSettings {
  return loadSettings({
    iniPath: configurationFile(options, io.env),
    args: options.set,
    env: io.env,
    readFile: (path) => io.readFile(path),
  });
}
