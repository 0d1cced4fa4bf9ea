/**
 * Writes the files that are generated from the settings schema:
 *
 *     node services/runtime/src/config/write-reference.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderConfigurationDoc } from './configuration-doc.ts';
import { renderSampleIni } from './sample-ini.ts';

const root = new URL('../../../../', import.meta.url);
const files = {
  'docs/configuration.md': renderConfigurationDoc(),
  'deploy/legacystream.ini': renderSampleIni(),
};

for (const [name, content] of Object.entries(files)) {
  const path = fileURLToPath(new URL(name, root));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  process.stdout.write(`wrote ${name}\n`);
}
