/** The imports of a TypeScript module, found by its text. */
import { lineAt, maskSource } from './source-text.ts';

export type ModuleImport = {
  readonly specifier: string;
  /** `type` is erased, `value` loads the module with its importer, `dynamic` loads it later. */
  readonly kind: 'type' | 'value' | 'dynamic';
  readonly line: number;
};

const statement =
  /(?<=^|[;}\n])[ \t]*(?:import|export)\b(\s*type\b(?!\s*(?:,|from\b)))?([^'"`;=()]*?\bfrom)?\s*(['"])([^'"\n]+)\3/g;
const call = /\bimport\s*\(\s*(['"])([^'"\n]+)\1/g;

export function parseImports(source: string): ModuleImport[] {
  const code = maskSource(source, { strings: false });
  const statements = [...code.matchAll(statement)].map((match) => ({
    specifier: match[4]!,
    kind: match[1] ? ('type' as const) : ('value' as const),
    offset: match.index + match[0].search(/\S/),
  }));
  const calls = [...code.matchAll(call)].map((match) => ({
    specifier: match[2]!,
    kind: 'dynamic' as const,
    offset: match.index,
  }));
  return [...statements, ...calls]
    .sort((a, b) => a.offset - b.offset)
    .map(({ specifier, kind, offset }) => ({ specifier, kind, line: lineAt(code, offset) }));
}
