/** The repository's own files, for the tests that judge it as a whole. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = path.resolve(fileURLToPath(new URL('../..', import.meta.url)));

export type SourceFile = {
  /** Path from the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
};

export function readFiles(...patterns: string[]): SourceFile[] {
  return fs
    .globSync(patterns, { cwd: repository, exclude: (name) => /(?:^|\/)node_modules$/.test(name) })
    .map((file) => file.replaceAll(path.sep, '/'))
    .sort()
    .map((file) => ({ path: file, text: fs.readFileSync(path.join(repository, file), 'utf8') }));
}

export function readJsonFile<T>(file: string): T {
  return JSON.parse(fs.readFileSync(path.join(repository, file), 'utf8')) as T;
}

export const isTest = (file: string) => file.endsWith('.test.ts');
