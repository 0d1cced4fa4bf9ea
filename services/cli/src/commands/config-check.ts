/**
 * `legacystream config check`: everything that is wrong with the configuration, one
 * finding a line as `file:line: message`, so that editors and pipelines can follow it.
 */
import { checkListenerPasswordFiles } from '@legacystream/runtime/config/listener-auth-checks.ts';
import { formatProblem } from '@legacystream/runtime/config/settings.ts';
import type { CommandIo } from './command-io.ts';
import { configurationFile, loadCommandSettings, type SettingsOptions } from './command-settings.ts';

/** @returns the exit status: 0 if the configuration can be used */
export function runConfigCheck(
  options: SettingsOptions,
  io: Pick<CommandIo, 'env' | 'readFile' | 'stdout'>,
): number {
  const loaded = loadCommandSettings(options, io);
  const { settings, origins, warnings } = loaded;
  const files = checkListenerPasswordFiles(settings, origins, (path) => io.readFile(path));
  const problems = [...loaded.problems, ...files];
  for (const warning of warnings) io.stdout(`${warning.where}: warning: ${warning.message}\n`);
  for (const problem of problems) {
    const code = problem.code === 'LS_CONFIG_INVALID' ? '' : ` (${problem.code})`;
    io.stdout(`${formatProblem(problem)}${code}\n`);
  }
  if (problems.length > 0) return 1;

  const changed = [...origins].filter(
    ([path, { layer }]) => layer !== 'defaults' && !path.startsWith('/'),
  ).length;
  const file = configurationFile(options, io.env) ?? 'no configuration file';
  const declared = settings.mounts.filter(({ pattern }) => !pattern.includes('*')).length;
  const templates = settings.mounts.length - declared;
  io.stdout(
    `OK: ${file}: ${count(changed, 'setting')} given, ${count(declared, 'mount')}, ${count(templates, 'mount template')}\n`,
  );
  return 0;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
