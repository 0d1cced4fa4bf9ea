import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { banDocument, maxBans } from '@legacystream/core/auth/ban.ts';
import { type BanChange, decodeBanChange } from '@legacystream/core/bus/ban-changes.ts';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { ErrorCode } from '@legacystream/core/errors.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { MemoryBus } from '@legacystream/runtime/memory-bus.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';
import { BanRegister } from './ban-register.ts';

const subjects = new Subjects('test');
const ip = '127.0.0.1';
const minuteMs = 60_000;

function registerOf() {
  const clock = new ManualClock();
  const bus = new MemoryBus({ clock });
  const store = new MemoryStateStore({ clock });
  const said: (BanChange | undefined)[] = [];
  bus.subscribe(subjects.bans, (data) => void said.push(decodeBanChange(data)));
  const lines: (readonly unknown[])[] = [];
  const log = { info: (...line: unknown[]) => void lines.push(line) } as unknown as Log;
  const register = new BanRegister({ bus, store, clock, subjects, operator: 'admin', log });
  return { register, clock, store, said, lines };
}

const isCode = (code: ErrorCode, message?: RegExp) => (error: unknown) =>
  error instanceof LegacyStreamError && error.code === code && (message?.test(error.message) ?? true);

test('a ban is kept, said to all and written down', async () => {
  const { register, clock, said, lines, store } = registerOf();
  const ban = await register.ban({ range: ' 10.1.2.3/8 ', reason: 'rip\nping\u0007', minutes: '5', ip });
  const createdAtMs = clock.wallMs();
  assert.deepEqual(ban, {
    ...{ range: '10.0.0.0/8', reason: 'rip ping', by: 'admin' },
    ...{ createdAtMs, expiresAtMs: createdAtMs + 5 * minuteMs },
  });
  assert.deepEqual(await store.getDocument('ban', '10.0.0.0/8'), banDocument(ban));
  await turn();
  assert.deepEqual(said, [{ op: 'ban', ban }]);
  assert.deepEqual(lines, [['ban.added', { range: '10.0.0.0/8', reason: 'rip ping', minutes: 5, ip }]]);
});

test('a ban of the same range takes the place of the one before', async () => {
  const { register, clock } = registerOf();
  await register.ban({ range: '192.0.2.1', minutes: '1', ip });
  await register.ban({ range: '::ffff:192.0.2.1/128', reason: 'again', ip });
  clock.advance(2 * minuteMs);
  assert.deepEqual(
    (await register.list()).map(({ range, reason, expiresAtMs }) => [range, reason, expiresAtMs]),
    [['192.0.2.1', 'again', null]],
  );
});

test('a ban with an end is gone after it, and the latest is listed first', async () => {
  const { register, clock } = registerOf();
  await register.ban({ range: '192.0.2.1', minutes: '1', ip });
  clock.advance(1);
  await register.ban({ range: '192.0.2.2', minutes: '3', ip });
  assert.deepEqual(
    (await register.list()).map(({ range }) => range),
    ['192.0.2.2', '192.0.2.1'],
  );
  clock.advance(2 * minuteMs);
  assert.deepEqual(
    (await register.list()).map(({ range }) => range),
    ['192.0.2.2'],
  );
});

test('lifting says what was found, and what still holds', async () => {
  const { register, said } = registerOf();
  await register.ban({ range: '10.0.0.0/8', ip });
  await register.ban({ range: '10.1.2.3', ip });
  await register.ban({ range: '192.0.2.0/28', ip });
  assert.deepEqual(await register.unban('10.1.2.3', ip), {
    ...{ range: '10.1.2.3', found: true, within: '10.0.0.0/8' },
  });
  assert.deepEqual(await register.unban('192.0.2.0/24', ip), {
    ...{ range: '192.0.2.0/24', found: false, within: undefined },
  });
  assert.deepEqual(await register.unban('10.0.0.9/8', ip), {
    ...{ range: '10.0.0.0/8', found: true, within: undefined },
  });
  await turn();
  assert.deepEqual(said.at(-1), { op: 'unban', range: '10.0.0.0/8' });
});

test('what is no range or no time is refused with what was expected', async () => {
  const { register, said, store } = registerOf();
  for (const range of ['', 'everybody', '10.0.0.0/33', '10.0.0', '10.0.0.1,10.0.0.2'])
    await assert.rejects(register.ban({ range, ip }), isCode('LS_PARAMETER_INVALID', /such as 192\.0\.2\.1/));
  await assert.rejects(register.unban('10/8', ip), isCode('LS_PARAMETER_INVALID', /such as/));
  for (const minutes of ['0', '-1', '1.5', 'soon', '5256001', '99999999', '1e3'])
    await assert.rejects(
      register.ban({ range: '10.0.0.1', minutes, ip }),
      isCode('LS_PARAMETER_INVALID', /^minutes: expected a whole number from 1 to/),
    );
  assert.deepEqual([said, (await store.listDocuments('ban')).size], [[], 0]);
});

test('there are so many bans and no more, and those that there are can be renewed', async () => {
  const { register, store, clock } = registerOf();
  const value = { reason: '', by: 'admin', createdAtMs: clock.wallMs(), expiresAtMs: null };
  for (let i = 0; i < maxBans; i += 1) await store.putDocument('ban', `10.0.${i >> 8}.${i & 255}`, value);
  await assert.rejects(register.ban({ range: '192.0.2.1', ip }), isCode('LS_BANS_FULL', /5000 bans/));
  await register.ban({ range: '10.0.0.7', reason: 'renewed', ip });
  await register.unban('10.0.0.8', ip);
  await register.ban({ range: '192.0.2.1', ip });
  assert.equal((await register.list()).length, maxBans);
});

test('while the store is away nothing is banned that would be forgotten', async () => {
  const { register, store, said } = registerOf();
  await store.close();
  await assert.rejects(register.ban({ range: '192.0.2.1', ip }), isCode('LS_CLOSED'));
  await turn();
  assert.deepEqual(said, []);
});
