/**
 * Generated credentials that outlive a restart: read from a file that only its owner may
 * read, or made once and kept there. Two processes that start at once end up with the
 * same value. Trouble with the file never stops the start: the value then lives in memory
 * and a warning says what to do.
 */
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createPrivateFile } from './write-private-file.ts';

export type PrivateFileOptions = {
  readonly path: string;
  /** Makes the value; it must not be empty and ends with no white space. */
  readonly create: () => string;
  /** Gets one plain sentence for the operator. */
  readonly warn: (message: string) => void;
};

/** `created`: new and kept. `memory`: new and lost with the process. */
export type PrivateValue = { readonly value: string; readonly origin: 'file' | 'created' | 'memory' };

const maxBytes = 64 * 1024;
type ReadResult = { readonly value: string } | { readonly problem: string } | undefined;

export async function loadOrCreate(options: PrivateFileOptions): Promise<PrivateValue> {
  const { path, create, warn } = options;
  const found = await read(path);
  if (found && 'value' in found) return { value: found.value, origin: 'file' };
  const value = create();
  if (found) {
    warn(`${found.problem}; a new value is used until the next start`);
    return { value, origin: 'memory' };
  }
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (await createPrivateFile(path, `${value}\n`)) return { value, origin: 'created' };
  } catch (error) {
    warn(`${path} cannot be written (${reasonOf(error)}); its value changes with every start`);
    return { value, origin: 'memory' };
  }
  const winner = await read(path);
  if (winner && 'value' in winner) return { value: winner.value, origin: 'file' };
  warn(
    `${winner?.problem ?? `${path} vanished while it was read`}; a new value is used until the next start`,
  );
  return { value, origin: 'memory' };
}

/** Undefined where there is no such file. */
async function read(path: string): Promise<ReadResult> {
  try {
    const file = await open(path, 'r');
    try {
      const status = await file.stat();
      if (!status.isFile()) return { problem: `${path} is not a file` };
      if (process.platform !== 'win32' && (status.mode & 0o077) !== 0) {
        return {
          problem: `${path} can be read by other users and is not trusted (run "chmod 600" on it, or delete it)`,
        };
      }
      if (status.size > maxBytes) return { problem: `${path} is larger than ${maxBytes} bytes` };
      const value = (await file.readFile('utf8')).trimEnd();
      return value === '' ? { problem: `${path} is empty (delete it to have it made anew)` } : { value };
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return { problem: `${path} cannot be read (${reasonOf(error)})` };
  }
}

function reasonOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
