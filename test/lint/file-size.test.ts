import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { isTest, readFiles } from './source-files.ts';

const sourceCap = 500;
const testCap = 700;
const thinkAt = 350;
const emptyNames = /^(?:utils?|helpers?|common|types|index|misc)\.[cm]?[jt]s$/;

const files = readFiles('services/*/{src,bin}/**/*.{ts,mjs}', 'test/**/*.{ts,mts,mjs}').map(
  ({ path: file, text }) => ({
    file,
    lines: text.split('\n').length - 1,
    isTest: isTest(file) || file.startsWith('test/'),
  }),
);

test('no file has grown past what a reader takes in', (t) => {
  for (const { file, lines } of files.filter((entry) => !entry.isTest && entry.lines > thinkAt)) {
    t.diagnostic(`warning: ${file} has ${lines} lines; think of splitting it`);
  }
  const tooLong = files.filter((entry) => entry.lines > (entry.isTest ? testCap : sourceCap));
  assert.deepEqual(
    tooLong.map(({ file, lines }) => `${file}: ${lines} lines`),
    [],
  );
});

test('every file is named by what it exports', () => {
  const nameless = files.filter(({ file }) => emptyNames.test(path.basename(file)));
  assert.deepEqual(
    nameless.map(({ file }) => file),
    [],
  );
});

test('file names are kebab-case', () => {
  const odd = files.filter(({ file }) => !/^[a-z0-9]+(?:[.-][a-z0-9]+)*$/.test(path.basename(file)));
  assert.deepEqual(
    odd.map(({ file }) => file),
    [],
  );
});
