/** The `legacystream` command run to its end: for starts that are to fail. */
import { spawn } from 'node:child_process';
import { serverCommand } from './server-process.ts';

const timeoutMs = 20_000;

export type CommandResult = {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** @throws when the command does not end */
export async function runServerCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [serverCommand, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  if (child.signalCode !== null) throw new Error(`ended by ${child.signalCode}\n${stdout}\n${stderr}`);
  return { code, stdout, stderr };
}
