/** Finds a program of the system by its name, which a benchmark may do without. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export function findTool(...names: readonly string[]): string | undefined {
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/local/bin',
    '/usr/bin',
    '/usr/sbin',
  ];
  for (const name of names) {
    for (const folder of folders.filter(Boolean)) {
      const file = join(folder, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}
