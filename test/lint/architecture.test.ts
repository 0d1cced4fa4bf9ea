import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { findCycles, findForbiddenImports, findImpurity, type Packages } from './architecture-rules.ts';
import { readFiles, readJsonFile, repository } from './source-files.ts';

type Manifest = Partial<
  Record<'dependencies' | 'devDependencies' | 'optionalDependencies', Record<string, string>>
>;

const files = readFiles('services/*/src/**/*.ts');
const testPackages = new Set(Object.keys(readJsonFile<Manifest>('package.json').devDependencies ?? {}));
const packages: Packages = Object.fromEntries(
  fs
    .readdirSync(path.join(repository, 'services'))
    .filter((name) => fs.existsSync(path.join(repository, 'services', name, 'package.json')))
    .map((name) => {
      const manifest = readJsonFile<Manifest>(`services/${name}/package.json`);
      const names = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
      return [name, { dependencies: new Set(names) }];
    }),
);

test('packages import in one direction, and only what their manifests name', () => {
  assert.deepEqual(findForbiddenImports(files, packages, testPackages), []);
});

test('the core reads no clock, rolls no dice and touches nothing outside', () => {
  assert.deepEqual(findImpurity(files), []);
});

test('modules of a package do not import each other in rings', () => {
  assert.deepEqual(findCycles(files), []);
});

test('the import rules catch what they forbid', () => {
  const judge = (file: string, text: string) =>
    findForbiddenImports([{ path: file, text }], packages, testPackages);
  const caught: [string, string][] = [
    ['services/core/src/a.ts', "import net from 'node:net';"],
    ['services/core/src/a.ts', "import pino from 'pino';"],
    ['services/core/src/a.ts', "import fc from 'fast-check';"],
    ['services/core/src/a.test.ts', "import http from 'node:http';"],
    ['services/core/src/a.ts', "import { x } from '@legacystream/runtime/x.ts';"],
    ['services/runtime/src/a.ts', "import type { x } from '@legacystream/edge/x.ts';"],
    ['services/edge/src/a.ts', "import { x } from '@legacystream/ingest/x.ts';"],
    ['services/edge/src/a.ts', "const x = await import('@legacystream/control/x.ts');"],
    ['services/edge/src/a.ts', "import { x } from '../../core/src/x.ts';"],
    ['services/edge/src/a.ts', "import fc from 'fast-check';"],
  ];
  for (const [file, text] of caught) assert.equal(judge(file, text).length, 1, `${file}: ${text}`);

  const allowed: [string, string][] = [
    ['services/core/src/a.ts', "import { b } from './b/c.ts';"],
    ['services/core/src/a.test.ts', "import fc from 'fast-check';"],
    ['services/edge/src/a.ts', "import { x } from '@legacystream/core/x.ts';"],
    ['services/cli/src/a.ts', "import { x } from '@legacystream/edge/x.ts';"],
    ['services/runtime/src/a.ts', "import net from 'node:net';"],
    ['services/runtime/src/a.test.ts', "import { findProgram } from '../../../test/programs.mjs';"],
  ];
  for (const [file, text] of allowed) assert.deepEqual(judge(file, text), []);
});

test('the purity rule catches what it forbids and nothing else', () => {
  const judge = (text: string) => findImpurity([{ path: 'services/core/src/a.ts', text }]).length;
  for (const text of [
    'Date.now()',
    'new Date()',
    'setTimeout(f, 1)',
    'Math.random()',
    'performance.now()',
    'process.env',
  ]) {
    assert.equal(judge(`const x = ${text};`), 1, text);
  }
  for (const text of [
    'new Date(wallMs)',
    'clock.setTimeout(f)',
    '// Date.now()',
    "'Math.random'",
    'processing',
    'prefetch(1)',
  ]) {
    assert.equal(judge(`f(\n${text}\n);`), 0, text);
  }
});

test('the ring rule catches a ring of values and lets types pass', () => {
  const ring = [
    { path: 'services/core/src/a.ts', text: "import { b } from './b.ts';" },
    { path: 'services/core/src/b.ts', text: "import { c } from './c/c.ts';" },
    { path: 'services/core/src/c/c.ts', text: "import { a } from '../a.ts';" },
  ];
  assert.deepEqual(findCycles(ring), [
    'services/core/src/a.ts → services/core/src/b.ts → services/core/src/c/c.ts → services/core/src/a.ts',
  ]);
  const open = [
    ...ring.slice(0, 2),
    { path: 'services/core/src/c/c.ts', text: "import type { a } from '../a.ts';" },
  ];
  assert.deepEqual(findCycles(open), []);
});
