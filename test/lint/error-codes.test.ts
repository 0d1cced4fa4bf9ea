import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorCodes } from '@legacystream/core/errors.ts';
import { readFiles } from './source-files.ts';

const manual = readFiles('docs/errors.md')[0]?.text ?? '';
const sections = new Map(
  manual
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')).trim(), section] as const),
);
const codes = Object.keys(errorCodes);

test('every error code is explained in docs/errors.md, and no other', () => {
  assert.deepEqual([...sections.keys()].sort(), [...codes].sort());
});

test('the explanations stand in alphabetical order', () => {
  assert.deepEqual([...sections.keys()], [...sections.keys()].sort());
});

test('each explanation gives the HTTP status, the meaning and what to do', () => {
  for (const [code, status] of Object.entries(errorCodes)) {
    const section = sections.get(code) ?? '';
    assert.match(section, new RegExp(`^HTTP ${status}\\.`, 'm'), `${code}: HTTP status`);
    assert.match(section, /^\*\*What to do:\*\* \S/m, `${code}: what to do`);
  }
});

test('every code in the sources is one of the table', () => {
  const unknown = readFiles('services/*/src/**/*.ts', 'docs/**/*.md', 'README.md').flatMap(({ path, text }) =>
    [...text.matchAll(/\bLS_[A-Z0-9]+(?:_[A-Z0-9]+)*\b(?!_)/g)]
      .filter(([code]) => !codes.includes(code))
      .map(([code]) => `${path}: ${code}`),
  );
  assert.deepEqual(unknown, []);
});
