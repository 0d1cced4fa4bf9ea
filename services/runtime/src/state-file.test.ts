import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { MemoryStateStore } from './memory-state-store.ts';
import { StateFile, type StoredDocument } from './state-file.ts';

async function setUp(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'legacystream-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'state.json');
  const clock = new ManualClock();
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const open = (at = path) => MemoryStateStore.open({ clock, path: at, warn });
  return { directory, path, clock, warnings, warn, open };
}

const document: StoredDocument = { kind: 'peak', id: 'all', value: 7 };

test('peaks, bans and settings outlive the process, everything else does not', async (t) => {
  const { path, clock, warnings, open } = await setUp(t);
  const first = await open();
  await first.raisePeak('all', 7);
  await first.putDocument('ban', '10.0.0.1', { reason: 'abuse' }, { ttlMs: 60_000 });
  await first.putDocument('ban', '10.0.0.2', null, { ttlMs: 5000 });
  await first.putDocument('setting', '__proto__', { a: 1 }, { epoch: 5 });
  await first.putDocument('mount', 'live', {});
  await first.putDocument('pod', 'edge-0', {});
  await first.removeDocument('setting', 'none');
  await first.close();
  assert.equal((await stat(path)).mode & 0o777, 0o600);

  clock.stepWall(10_000);
  const second = await open();
  assert.equal(await second.getDocument('peak', 'all'), 7);
  assert.deepEqual(await second.getDocument('ban', '10.0.0.1'), { reason: 'abuse' });
  assert.equal(await second.getDocument('ban', '10.0.0.2'), undefined);
  assert.deepEqual(await second.getDocument('setting', '__proto__'), { a: 1 });
  assert.equal(await second.putDocument('setting', '__proto__', 'stale', { epoch: 4 }), false);
  assert.equal((await second.listDocuments('mount')).size, 0);
  assert.equal((await second.listDocuments('pod')).size, 0);
  clock.advance(50_000);
  assert.equal(await second.getDocument('ban', '10.0.0.1'), undefined);
  await second.close();
  assert.deepEqual(warnings, []);
});

test('many changes are one write, about a second after the first', async (t) => {
  const { path, clock, warn } = await setUp(t);
  const file = new StateFile({ path, clock, warn });
  let asked = 0;
  const snapshot = (): StoredDocument[] => {
    asked++;
    return [document];
  };
  for (let i = 0; i < 5; i++) {
    file.changed(snapshot);
    clock.advance(199);
  }
  assert.equal(asked, 0);
  clock.advance(10);
  assert.equal(asked, 1);
  await file.close();
  assert.equal(asked, 1);
  assert.deepEqual(JSON.parse(await readFile(path, 'utf8')), { version: 1, documents: [document] });
  assert.equal(clock.pendingTimers, 0);
});

test('a change during a write is written after it', async (t) => {
  const { path, clock, warn } = await setUp(t);
  const file = new StateFile({ path, clock, warn });
  file.changed(() => [document]);
  clock.advance(1000);
  file.changed(() => [{ ...document, value: 8 }]);
  await file.close();
  assert.deepEqual(await new StateFile({ path, clock, warn }).load(), [{ ...document, value: 8 }]);
});

test('a failing disk is reported once, retried, and reported anew after it had recovered', async (t) => {
  const { directory, clock, warnings, warn } = await setUp(t);
  const folder = join(directory, 'gone');
  const path = join(folder, 'state.json');
  const file = new StateFile({ path, clock, warn });
  const written = async (): Promise<boolean> => {
    // The write is in progress outside of the virtual clock; closing waits for it.
    await file.close();
    return stat(path).then(
      () => true,
      () => false,
    );
  };
  file.changed(() => [document]);
  assert.equal(await written(), false);
  file.changed(() => [document]);
  assert.equal(await written(), false);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /cannot be written/);
  await mkdir(folder);
  file.changed(() => [document]);
  assert.equal(await written(), true);
  await rm(folder, { recursive: true });
  file.changed(() => [document]);
  assert.equal(await written(), false);
  assert.equal(warnings.length, 2);
  assert.deepEqual(await readdir(directory), []);
});

test('what could not be written is tried again by itself', async (t) => {
  const { directory, clock, warn } = await setUp(t);
  const folder = join(directory, 'late');
  const path = join(folder, 'state.json');
  const file = new StateFile({ path, clock, warn });
  let asked = 0;
  file.changed(() => {
    asked++;
    return [document];
  });
  clock.advance(1000);
  assert.equal(asked, 1);
  while (clock.pendingTimers === 0) await nextTurn();
  await mkdir(folder);
  clock.advance(10_000);
  assert.equal(asked, 2);
  await file.close();
  assert.deepEqual(await new StateFile({ path, clock, warn }).load(), [document]);
});

test('a damaged file is set aside with a warning and the store starts empty', async (t) => {
  const { directory, path, warnings, open } = await setUp(t);
  const damaged = [
    '',
    '{',
    'null',
    '[]',
    '{"version":2,"documents":[]}',
    '{"version":1,"documents":{}}',
    '{"version":1,"documents":[null]}',
    '{"version":1,"documents":[{"kind":"ban","id":1,"value":1}]}',
    '{"version":1,"documents":[{"kind":"ban","id":"a"}]}',
    '{"version":1,"documents":[{"kind":"ban","id":"a","value":1,"expiresAtMs":"soon"}]}',
  ];
  for (const text of damaged) {
    await writeFile(path, text);
    const store = await open();
    assert.equal((await store.listDocuments('ban')).size, 0);
    await store.close();
    assert.match(warnings.pop() ?? '', /set aside as .*state\.json\.corrupt$/, text);
    assert.equal(await readFile(`${path}.corrupt`, 'utf8'), text);
    assert.deepEqual(await readdir(directory), ['state.json.corrupt']);
  }
});

test('kinds that are not kept are ignored in a file', async (t) => {
  const { path, open } = await setUp(t);
  await writeFile(
    path,
    JSON.stringify({ version: 1, documents: [{ kind: 'mount', id: 'a', value: 1 }, document] }),
  );
  const store = await open();
  assert.equal((await store.listDocuments('mount')).size, 0);
  assert.equal(await store.getDocument('peak', 'all'), 7);
});

test('a file that can be neither read nor set aside is left alone', async (t) => {
  const { directory, warnings, open } = await setUp(t);
  const path = join(directory, 'folder');
  await mkdir(path);
  const store = await open(path);
  await store.raisePeak('all', 3);
  await store.close();
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /memory only/);
  assert.ok((await stat(path)).isDirectory());
});
