import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { readFiles, repository, type SourceFile } from './source-files.ts';
import { lineAt } from './source-text.ts';

const documents = readFiles(
  '*.md',
  'docs/**/*.md',
  'services/*/*.md',
  'test/**/*.md',
  'deploy/**/*.md',
  'charts/**/*.md',
);
const folders = 'services|test|docs|deploy|charts|k8s|\\.ci';

/** Without fenced blocks, whose contents are commands and output; lines stay where they are. */
const prose = (text: string) =>
  text.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, (block) => block.replaceAll(/[^\n]/g, ' '));

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const headings = [...prose(text).matchAll(/^#{1,6}\s+(.+)$/gm)].map((match) => match[1]!);
  return new Set(
    headings.map((heading) =>
      heading
        .trim()
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function judgeLink(document: string, target: string): string | undefined {
  const [file = '', anchor] = decodeURI(target).split('#');
  const resolved = file === '' ? document : path.posix.join(path.posix.dirname(document), file);
  const absolute = path.join(repository, resolved);
  if (!fs.existsSync(absolute)) return `links to ${target}, which does not exist`;
  if (!anchor || !resolved.endsWith('.md')) return undefined;
  return anchorsOf(fs.readFileSync(absolute, 'utf8')).has(anchor)
    ? undefined
    : `links to ${target}, which has no such heading`;
}

function findBrokenLinks({ path: document, text }: SourceFile): string[] {
  const body = prose(text).replaceAll(/`[^`\n]*`/g, (code) => ' '.repeat(code.length));
  return [...body.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s*(\S+)/gm)].flatMap((match) => {
    const target = match[1] ?? match[2]!;
    if (/^[a-z][a-z+.-]*:/i.test(target)) return [];
    const verdict = judgeLink(document, target);
    return verdict ? [`${document}:${lineAt(body, match.index)} ${verdict}`] : [];
  });
}

/** Paths in backticks such as `services/core/src/errors.ts`, `:12` after them allowed, patterns left out. */
function findMissingPaths({ path: document, text }: SourceFile): string[] {
  const body = prose(text);
  const named = new RegExp(`\`((?:${folders})/[\\w./@-]+)(?::\\d+)?\``, 'g');
  return [...body.matchAll(named)].flatMap((match) =>
    fs.existsSync(path.join(repository, match[1]!))
      ? []
      : [`${document}:${lineAt(body, match.index)} names ${match[1]}`],
  );
}

test('relative links in the documentation lead somewhere', () => {
  assert.deepEqual(documents.flatMap(findBrokenLinks), []);
});

test('files and folders that the documentation names exist', () => {
  assert.deepEqual(documents.flatMap(findMissingPaths), []);
});

test('the link rules catch what they are for', () => {
  const document = (text: string) => ({ path: 'docs/made-up.md', text });
  assert.equal(findBrokenLinks(document('see [x](nowhere.md) and [y](../package.json)')).length, 1);
  assert.equal(findBrokenLinks(document('see [x](errors.md#no-such-heading)')).length, 1);
  assert.equal(findBrokenLinks(document('see [x](https://example.org) and `[y](nowhere.md)`')).length, 0);
  assert.equal(
    findMissingPaths(document('`services/nowhere/x.ts` and `services/core/package.json:3`')).length,
    1,
  );
  assert.equal(findMissingPaths(document('```\n`services/nowhere`\n```\n`services/*/src`')).length, 0);
});
