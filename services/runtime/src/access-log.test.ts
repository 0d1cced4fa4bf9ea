import assert from 'node:assert/strict';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import type { AccessEntry } from './access-line.ts';
import { AccessLog } from './access-log.ts';
import type { Log } from './log.ts';

const entry: AccessEntry = {
  ip: '::1',
  method: 'GET',
  target: '/a.mp3',
  protocol: 'HTTP/1.0',
  status: 200,
  bytes: 10,
  seconds: 1,
};
const line = '::1 - - [14/Nov/2023:22:13:20 +0000] "GET /a.mp3 HTTP/1.0" 200 10 "-" "-" 1\n';

async function setUp(
  t: TestContext,
  options: { readonly path?: string; readonly maxBufferedBytes?: number } = {},
) {
  const directory = await mkdtemp(join(tmpdir(), 'legacystream-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const clock = new ManualClock();
  const reports: { event: string; fields: Readonly<Record<string, unknown>> | undefined }[] = [];
  const unexpected = (event: string): void => assert.fail(event);
  const log: Log = {
    debug: unexpected,
    info: unexpected,
    warn: unexpected,
    error: (event, fields) => void reports.push({ event, fields }),
    child: () => log,
  };
  const path = options.path ?? join(directory, 'access.log');
  const accessLog = new AccessLog({ clock, log, ...options, path });
  return { directory, path, clock, reports, accessLog };
}

test('an ended connection is a line with the time of its end', async (t) => {
  const { path, accessLog, reports } = await setUp(t);
  accessLog.record(entry);
  await accessLog.close();
  assert.equal(await readFile(path, 'utf8'), line);
  assert.deepEqual(reports, []);
});

test('a rotated file is left on request', async (t) => {
  const { directory, path, accessLog } = await setUp(t);
  accessLog.record(entry);
  await accessLog.flush();
  await rename(path, join(directory, 'access.log.1'));
  accessLog.reopen();
  accessLog.record(entry);
  accessLog.record(entry);
  await accessLog.close();
  assert.equal(await readFile(join(directory, 'access.log.1'), 'utf8'), line);
  assert.equal(await readFile(path, 'utf8'), line + line);
});

test('a full disk is reported once a minute with the lines lost so far', async (t) => {
  const { clock, reports, accessLog } = await setUp(t, {
    path: '/dev/full',
    maxBufferedBytes: 3 * line.length,
  });
  for (let second = 0; second < 150; second++) {
    accessLog.record(entry);
    await accessLog.flush();
    clock.advance(1000);
  }
  assert.equal(reports.length, 3);
  for (const { event, fields } of reports) {
    assert.equal(event, 'access_log.failed');
    assert.equal(fields?.['path'], '/dev/full');
  }
  assert.ok(Number(reports[1]?.fields?.['lostLines']) > 50);
  assert.equal(accessLog.lostLines, 147);
  await accessLog.close();
  assert.equal(accessLog.lostLines, 150);
});
