import assert from 'node:assert/strict';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createLog, type LogOptions } from './log.ts';

async function setUp(t: TestContext, options: LogOptions = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'legacystream-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'server.log');
  const log = createLog({ file, ...options });
  const text = async (): Promise<string> => {
    await log.flush();
    return readFile(file, 'utf8');
  };
  const lines = async () =>
    (await text())
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { directory, file, log, text, lines };
}

test('a line has level, time, category, event, fields and message', async (t) => {
  const { log, lines } = await setUp(t);
  log.info('source.connected', { mount: '/live.mp3', bytes: 5 }, 'a source came');
  const [line] = await lines();
  assert.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(line, {
    level: 'info',
    time: line?.['time'],
    category: 'lifecycle',
    event: 'source.connected',
    mount: '/live.mp3',
    bytes: 5,
    msg: 'a source came',
  });
});

test('a child has its own category, and so has its child', async (t) => {
  const { log, lines } = await setUp(t, { category: 'config' });
  log.warn('setting.ignored');
  const http = log.child({ category: 'http.server' });
  http.error('request.failed');
  http.child({ category: 'ssl.manager' }).info('certificate.renewed');
  assert.deepEqual(
    (await lines()).map((line) => [line['category'], line['level']]),
    [
      ['config', 'warn'],
      ['http.server', 'error'],
      ['ssl.manager', 'info'],
    ],
  );
});

test('lines below the level are not written', async (t) => {
  const { log, lines } = await setUp(t, { level: 'warn' });
  log.debug('a.happened');
  log.info('b.happened');
  log.warn('c.happened');
  assert.deepEqual(
    (await lines()).map((line) => line['event']),
    ['c.happened'],
  );
});

test('fields cannot take the place of what the log itself says', async (t) => {
  const { log, text } = await setUp(t);
  const forged = { category: 'x', event: 'x', level: 'x', time: 'x', msg: 'x', ok: 1 };
  log.info('real.happened', forged as never, 'real');
  const line = await text();
  assert.equal(line.match(/"category"/g)?.length, 1);
  const { time: _, ...rest } = JSON.parse(line) as Record<string, unknown>;
  assert.deepEqual(rest, {
    level: 'info',
    category: 'lifecycle',
    event: 'real.happened',
    ok: 1,
    msg: 'real',
  });
});

test('secrets and control characters never reach the log', async (t) => {
  const { log, text } = await setUp(t);
  log.info(
    'login.failed',
    { password: 'hunter2', headers: { authorization: 'Basic hunter2' } },
    '?pass=hunter2\n\u001b[2J',
  );
  const line = await text();
  assert.doesNotMatch(line, /hunter2|\u001b/);
  assert.equal(line.split('\n').length, 2);
});

test('the readable form names category and event on one line', async (t) => {
  const { log, text } = await setUp(t, { format: 'pretty' });
  log.child({ category: 'stream.manager' }).info('source.connected', { mount: '/a' }, 'hello\nforged');
  const lines = (await text()).split('\n');
  assert.match(
    lines[0] ?? '',
    /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: stream\.manager source\.connected hello\\u000aforged$/,
  );
  assert.match(lines[1] ?? '', /^ {4}mount: "\/a"$/);
});

test('a file is JSON where the form is left open', async (t) => {
  const { log, lines } = await setUp(t, { format: 'auto' });
  log.info('a.happened');
  assert.equal((await lines()).length, 1);
});

test('a renamed file is left when the log is reopened', async (t) => {
  const { directory, file, log, lines } = await setUp(t);
  log.info('first.happened');
  await log.flush();
  await rename(file, join(directory, 'old'));
  log.reopen();
  log.info('second.happened');
  assert.deepEqual(
    (await lines()).map((line) => line['event']),
    ['second.happened'],
  );
  await log.close();
});

test('a full disk loses lines and nothing else', async () => {
  const log = createLog({ file: '/dev/full' });
  for (let i = 0; i < 100; i++) log.info('a.happened', { i });
  await log.flush();
  await log.close();
  assert.equal(log.lostLines, 100);
});
