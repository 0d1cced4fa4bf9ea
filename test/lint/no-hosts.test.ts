import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readJsonFile } from './source-files.ts';

type Lock = { readonly packages: Record<string, { readonly resolved?: string; readonly link?: boolean }> };

test('package-lock.json names no host, so that it installs from whatever registry npm is set to', () => {
  const { packages } = readJsonFile<Lock>('package-lock.json');
  const resolved = Object.entries(packages).filter(
    ([, entry]) => entry.resolved !== undefined && entry.link !== true,
  );
  assert.deepEqual(
    resolved.map(([place, entry]) => `${place}: ${entry.resolved}`),
    [],
  );
  for (const [place, entry] of Object.entries(packages)) {
    assert.doesNotMatch(entry.resolved ?? '', /^[a-z+]+:/, `${place} resolves to a URL`);
  }
});
