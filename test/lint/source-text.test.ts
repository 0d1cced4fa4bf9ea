import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseImports } from './module-imports.ts';
import { maskSource } from './source-text.ts';

test('masking keeps code and positions and takes away comments, templates and regular expressions', () => {
  const source = [
    'const a = 1; // Date.now()',
    '/* Date.now()',
    ' */ const b = /[/"]Date/.test(x) ? a / b / c : 2;',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the masked source is the subject.
    'const c = `Date ${`x${f({ d: 1 })}`} Date`;',
    "const d = 'Date';",
  ].join('\n');
  const masked = maskSource(source, { strings: true });
  assert.equal(masked.length, source.length);
  assert.doesNotMatch(masked, /Date/);
  assert.match(masked, /\.test\(x\) \? a \/ b \/ c : 2;/);
  assert.match(masked, /f\(\{ d: 1 \}\)/);
  assert.match(maskSource(source, { strings: false }), /const d = 'Date';/);
});

test('imports of every form are found, with their kind and line', () => {
  const source = [
    "import type { A } from './a.ts';",
    "import { b, type B } from './b.ts';",
    "import './c.ts';",
    'export {',
    '  d,',
    "} from './d.ts';",
    "export type * from './e.ts';",
    "const f = await import('./f.ts');",
    "// import g from './g.ts';",
    "const h = `import h from './h.ts';`;",
    "export const from = 'x';",
    "import * as i from './i.ts';",
  ].join('\n');
  assert.deepEqual(
    parseImports(source).map(({ specifier, kind, line }) => `${line} ${kind} ${specifier}`),
    [
      '1 type ./a.ts',
      '2 value ./b.ts',
      '3 value ./c.ts',
      '4 value ./d.ts',
      '7 type ./e.ts',
      '8 dynamic ./f.ts',
      '12 value ./i.ts',
    ],
  );
});
