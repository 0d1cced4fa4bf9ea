/**
 * The rules of the layers: which package may import which, what the domain core may not
 * touch, and that modules of a package do not load each other in rings.
 */
import path from 'node:path';
import { type ModuleImport, parseImports } from './module-imports.ts';
import { isTest, type SourceFile } from './source-files.ts';
import { lineAt, maskSource } from './source-text.ts';

/** Packages a package may import. Services meet on the bus and in the store, not in code. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  runtime: ['core'],
  ingest: ['core', 'runtime'],
  edge: ['core', 'runtime'],
  control: ['core', 'runtime'],
  dashboard: ['core'],
  cli: ['core', 'runtime', 'ingest', 'edge', 'control', 'dashboard'],
};

/** What the core's tests may use besides the core: to assert, and to read fixtures. */
const coreTestImports = /^(?:node:(?:assert|assert\/strict|test|fs|path|url)|fast-check)$/;

/** Time, chance and the outside world reach the core through its ports only. */
const impure =
  /(?<![.\w$#])(?:Date\.now\b|new Date\b(?:\(\s*\)|(?!\s*\())|Date\(\s*\)|setTimeout\b|setInterval\b|setImmediate\b|Math\.random\b|performance\.|process\.|console\.|fetch\s*\()/g;

export type Packages = Readonly<Record<string, { readonly dependencies: ReadonlySet<string> }>>;

const packageOf = (file: string) => /^services\/([^/]+)\//.exec(file)?.[1];
const npmNameOf = (specifier: string) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

/** What is wrong with one import, if anything. */
function judgeImport(
  file: string,
  found: ModuleImport,
  packages: Packages,
  testPackages: ReadonlySet<string>,
) {
  const { specifier } = found;
  const owner = packageOf(file)!;
  if (specifier.startsWith('.')) {
    const target = path.posix.join(path.posix.dirname(file), specifier);
    if (packageOf(target) === owner) return undefined;
    return isTest(file) && target.startsWith('test/') ? undefined : 'leaves its package by a relative path';
  }
  if (owner === 'core') {
    if (isTest(file) && coreTestImports.test(specifier)) return undefined;
    return 'is not allowed in the core';
  }
  if (specifier.startsWith('node:')) return undefined;
  const sibling = /^@legacystream\/([^/]+)\//.exec(specifier)?.[1];
  if (sibling !== undefined && !mayImport[owner]?.includes(sibling))
    return `is against the direction of ${owner}`;
  const name = npmNameOf(specifier);
  if (packages[owner]?.dependencies.has(name) || (isTest(file) && testPackages.has(name))) return undefined;
  return `is not a dependency in services/${owner}/package.json`;
}

export function findForbiddenImports(
  files: readonly SourceFile[],
  packages: Packages,
  testPackages: ReadonlySet<string>,
): string[] {
  return files.flatMap(({ path: file, text }) =>
    parseImports(text).flatMap((found) => {
      const verdict = judgeImport(file, found, packages, testPackages);
      return verdict ? [`${file}:${found.line} imports ${found.specifier}, which ${verdict}`] : [];
    }),
  );
}

export function findImpurity(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path: file }) => packageOf(file) === 'core' && !isTest(file))
    .flatMap(({ path: file, text }) => {
      const code = maskSource(text, { strings: true });
      return [...code.matchAll(impure)].map(
        (match) => `${file}:${lineAt(code, match.index)} uses ${match[0].trim()}`,
      );
    });
}

/** Rings of imports that load each other, one line a ring. Erased and dynamic imports do not count. */
export function findCycles(files: readonly SourceFile[]): string[] {
  const known = new Set(files.map((file) => file.path));
  const edges = new Map<string, string[]>();
  for (const { path: file, text } of files) {
    const targets = parseImports(text)
      .filter(({ kind, specifier }) => kind === 'value' && specifier.startsWith('.'))
      .map(({ specifier }) => path.posix.join(path.posix.dirname(file), specifier));
    edges.set(
      file,
      targets.filter((target) => known.has(target)),
    );
  }

  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]) => {
    const start = trail.indexOf(file);
    if (start >= 0) cycles.push([...trail.slice(start), file].join(' → '));
    if (start >= 0 || done.has(file)) return;
    for (const target of edges.get(file) ?? []) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
  return cycles;
}
