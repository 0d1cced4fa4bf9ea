/** Makes a small C program of the benchmark with whatever compiler the system has. */
import { execFile } from 'node:child_process';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findTool } from './find-tool.ts';

const timeoutMs = 30_000;

/** @returns the program, or undefined where it cannot be made */
export async function compileC(source: URL, folder: string): Promise<string | undefined> {
  const compiler = findTool('cc', 'gcc', 'clang');
  if (!compiler) return undefined;
  const file = fileURLToPath(source);
  const program = join(folder, basename(file, '.c'));
  try {
    await promisify(execFile)(compiler, ['-O2', '-o', program, file], { timeout: timeoutMs });
    return program;
  } catch {
    return undefined;
  }
}
