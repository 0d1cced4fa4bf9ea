import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { renderConfigurationDoc } from '@legacystream/runtime/config/configuration-doc.ts';
import { renderSampleIni } from '@legacystream/runtime/config/sample-ini.ts';

const regenerate = 'run: node services/runtime/src/config/write-reference.ts';

for (const [name, generated] of [
  ['docs/configuration.md', renderConfigurationDoc()],
  ['deploy/legacystream.ini', renderSampleIni()],
] as const) {
  test(`${name} is what the settings schema says`, () => {
    const written = readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
    assert.ok(written === generated, `${name} differs from the schema; ${regenerate}`);
  });
}
