/**
 * docs/benchmarks.json, which keeps the last result of every scenario, and the part of
 * docs/benchmarks.md that is made from it. What people write around that part stays.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { renderMachine, renderResult } from './report.ts';
import type { ScenarioResult } from './result.ts';
import { scenarios } from './scenario-table.ts';

const jsonFile = new URL('../../docs/benchmarks.json', import.meta.url);
const markdownFile = new URL('../../docs/benchmarks.md', import.meta.url);
const begin = '<!-- begin of figures, made by `npm run bench` -->';
const end = '<!-- end of figures -->';

const newDocument = `# Benchmarks

Made by \`npm run bench -- all\`: LegacyStream, Icecast from the system's package, and a plain loop that
only sends, on the same machine and in turn. CPU time is that of all threads of the server, from the
kernel, while nothing happens but audio; every value is the median of its rounds with their range in
brackets. Some listeners of every run check each frame and each title block that they are sent.

${begin}
${end}
`;

export async function writeDocuments(results: readonly ScenarioResult[]): Promise<void> {
  const kept = new Map<string, ScenarioResult>();
  for (const result of [...(await readResults()), ...results]) kept.set(result.scenario, result);
  const sorted = scenarios.flatMap(({ name }) => kept.get(name) ?? []);
  await writeFile(jsonFile, `${JSON.stringify({ results: sorted }, undefined, 2)}\n`);
  await writeFile(markdownFile, placeFigures(await readText(markdownFile), renderAll(sorted)));
}

/** The document with its figures replaced; figures alone go to the end of one that has no place for them. */
export function placeFigures(document: string, figures: string): string {
  const text = document === '' ? newDocument : document;
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  const made = `${begin}\n\n${figures}\n\n${end}`;
  if (from < 0 || to < 0) return `${text.trimEnd()}\n\n${made}\n`;
  return text.slice(0, from) + made + text.slice(to + end.length);
}

function renderAll(results: readonly ScenarioResult[]): string {
  const parts: string[] = [];
  let machine = '';
  for (const result of results) {
    const described = renderMachine(result.machine);
    const day = result.measuredAt.slice(0, 10);
    // Once for all that were measured in the same place.
    const place = renderMachine({ ...result.machine, loadBefore: 0 });
    if (place !== machine) parts.push(`Measured on ${day}: ${described}`);
    machine = place;
    parts.push(renderResult(result));
  }
  return parts.join('\n\n');
}

async function readResults(): Promise<readonly ScenarioResult[]> {
  const text = await readText(jsonFile);
  return text === '' ? [] : (JSON.parse(text) as { results: ScenarioResult[] }).results;
}

async function readText(file: URL): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
