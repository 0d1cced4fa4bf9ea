import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadOrCreate } from './private-file.ts';

async function setUp(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'legacystream-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const warnings: string[] = [];
  let made = 0;
  const load = (path: string) =>
    loadOrCreate({ path, create: () => `secret-${++made}`, warn: (message) => void warnings.push(message) });
  return { directory, path: join(directory, 'secret'), warnings, load };
}

test('a value is made once, kept for its owner only, and read again', async (t) => {
  const { directory, warnings, load } = await setUp(t);
  const path = join(directory, 'data', 'deeper', 'secret');
  assert.deepEqual(await load(path), { value: 'secret-1', origin: 'created' });
  assert.deepEqual(await load(path), { value: 'secret-1', origin: 'file' });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal(await readFile(path, 'utf8'), 'secret-1\n');
  assert.deepEqual(await readdir(join(directory, 'data', 'deeper')), ['secret']);
  assert.deepEqual(warnings, []);
});

test('many starts at once agree on one value', async (t) => {
  const { directory, path, warnings, load } = await setUp(t);
  const values = await Promise.all(Array.from({ length: 10 }, () => load(path)));
  assert.equal(new Set(values.map(({ value }) => value)).size, 1);
  assert.equal(values.filter(({ origin }) => origin === 'created').length, 1);
  assert.deepEqual(await readdir(directory), ['secret']);
  assert.deepEqual(warnings, []);
});

test('a secret that others can read is not used, and not touched', async (t) => {
  const { path, warnings, load } = await setUp(t);
  for (const mode of [0o640, 0o604, 0o660]) {
    await writeFile(path, 'exposed\n');
    await chmod(path, mode);
    const { value, origin } = await load(path);
    assert.notEqual(value, 'exposed');
    assert.equal(origin, 'memory');
    assert.match(warnings.pop() ?? '', /can be read by other users.*chmod 600/);
    assert.equal(await readFile(path, 'utf8'), 'exposed\n');
  }
});

test('a directory that cannot be written gives a value in memory and a warning', async (t) => {
  const { directory, warnings, load } = await setUp(t);
  await writeFile(join(directory, 'file'), '');
  const { value, origin } = await load(join(directory, 'file', 'secret'));
  assert.equal(value, 'secret-1');
  assert.equal(origin, 'memory');
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /ENOTDIR/);
});

test('what is no usable secret gives a value in memory and a warning', async (t) => {
  const { directory, path, warnings, load } = await setUp(t);
  await writeFile(path, ' \n', { mode: 0o600 });
  assert.equal((await load(path)).origin, 'memory');
  await writeFile(path, 'x'.repeat(100_000));
  assert.equal((await load(path)).origin, 'memory');
  await mkdir(join(directory, 'folder'));
  assert.equal((await load(join(directory, 'folder'))).origin, 'memory');
  assert.match(warnings[0] ?? '', /is empty/);
  assert.match(warnings[1] ?? '', /larger than/);
  assert.match(warnings[2] ?? '', /is not a file/);
});
