/** The demo's audio, which comes with the program. */
import { readFileSync } from 'node:fs';
import type { DemoPart } from '@legacystream/ingest/demo-source.ts';

const folder = new URL('../assets/demo/', import.meta.url);

export function loadDemoParts(): DemoPart[] {
  const index = JSON.parse(readFileSync(new URL('demo.json', folder), 'utf8')) as {
    parts: { file: string; title: string; artist: string }[];
  };
  return index.parts.map(({ file, title, artist }) => ({
    title,
    artist,
    audio: readFileSync(new URL(file, folder)),
  }));
}
