import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { encodeBanChange } from '@legacystream/core/bus/ban-changes.ts';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { MemoryBus } from '@legacystream/runtime/memory-bus.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';
import { BanList } from './ban-list.ts';
import { ListenerGate } from './listener-gate.ts';
import type { RegisteredListener } from './listener-registry.ts';

const subjects = new Subjects('test');

function gateOf(
  rules: Partial<Record<'allowIp' | 'denyIp' | 'denyUserAgent', readonly string[]>> = {},
  listeners: RegisteredListener[] = [],
) {
  const clock = new ManualClock();
  const bus = new MemoryBus({ clock });
  const bans = new BanList({ bus, store: new MemoryStateStore({ clock }), clock, subjects });
  const all = { allowIp: [], denyIp: [], denyUserAgent: [], ...rules };
  const gate = new ListenerGate({
    rules: all,
    bans,
    registry: { listeners: () => listeners.values() as Generator<RegisteredListener> },
    clock,
  });
  const ban = async (range: string) => {
    const { createdAtMs, expiresAtMs } = { createdAtMs: clock.wallMs(), expiresAtMs: null };
    const told = { range, reason: '', by: 'admin', createdAtMs, expiresAtMs };
    bus.publish(subjects.bans, encodeBanChange({ op: 'ban', ban: told }));
    await turn();
    await turn();
  };
  const ask = (ip: string, userAgent?: string) =>
    gate.refusal({ ip }, { headers: new Map(userAgent === undefined ? [] : [['user-agent', userAgent]]) });
  return { gate, ban, ask, clock };
}

test('without rules everybody is let in', () => {
  const { ask, gate } = gateOf();
  for (const ip of ['192.0.2.1', '2001:db8::1', '0.0.0.0']) assert.equal(ask(ip), undefined);
  assert.deepEqual(gate.refused, { banned: 0, address: 0, user_agent: 0 });
});

test('with AllowIp only those are let in, and DenyIp counts for more', () => {
  const { ask, gate } = gateOf({ allowIp: ['10.0.0.0/8', '2001:db8::/32'], denyIp: ['10.6.6.0/24'] });
  assert.equal(ask('10.1.2.3'), undefined);
  assert.equal(ask('2001:db8::7'), undefined);
  for (const ip of ['10.6.6.1', '11.0.0.1', '2001:db9::1', '0.0.0.0', ''])
    assert.equal(ask(ip), 'address', ip);
  assert.equal(gate.refused.address, 5);
});

test('players are told by their user agent, case ignored and with * for anything', () => {
  const { ask } = gateOf({ denyUserAgent: ['*StreamRipper*', 'wget/*', 'exactly this'] });
  for (const refused of ['streamripper/1.2', 'My STREAMRIPPER', 'Wget/1.21', 'Exactly This'])
    assert.equal(ask('192.0.2.1', refused), 'user_agent', refused);
  for (const admitted of ['VLC/3.0.20', 'not wget/1', 'exactly this and more', '', undefined])
    assert.equal(ask('192.0.2.1', admitted), undefined, admitted);
});

test('a hostile user agent takes no longer for a pattern with many stars', () => {
  const { ask } = gateOf({ denyUserAgent: [`${'*a'.repeat(40)}*b`] });
  const startedMs = performance.now();
  for (let i = 0; i < 100; i += 1) assert.equal(ask('192.0.2.1', 'a'.repeat(8_000)), undefined);
  assert.ok(performance.now() - startedMs < 1_000);
});

test('a ban is told from a rule, and whoever was admitted before it is judged anew', async () => {
  const { ask, ban, gate } = gateOf({ denyIp: ['192.0.2.0/24'] });
  const { generation } = gate;
  assert.equal(ask('192.0.2.1'), 'address');
  assert.equal(ask('198.51.100.1'), undefined);
  await ban('198.51.100.0/24');
  assert.notEqual(gate.generation, generation);
  assert.equal(ask('198.51.100.1'), 'banned');
  assert.ok(!gate.admits({ ip: '198.51.100.1' }, { headers: new Map() }));
  assert.deepEqual(gate.refused, { banned: 1, address: 1, user_agent: 0 });
});

test('a ban ends those it covers among any number of listeners, and nobody else', async () => {
  const ended: string[] = [];
  const listeners = Array.from({ length: 12_000 }, (_, i) => {
    const ip = `10.${i % 3}.${(i >> 8) & 255}.${i & 255}`;
    return {
      details: { ip },
      close: (reason: string) => void ended.push(`${ip} ${reason}`),
    } as unknown as RegisteredListener;
  });
  const { ban, gate, clock } = gateOf({}, listeners);
  await ban('10.1.0.0/16');
  clock.advance(0);
  assert.equal(ended.length, 4_000);
  assert.ok(ended.every((line) => /^10\.1\..* banned$/.test(line)));
  assert.equal(gate.ended, 4_000);
});

test('they are looked through in slices, so that audio goes out in between', async () => {
  let ended = 0;
  const listeners = Array.from({ length: 12_000 }, () => {
    const close = () => {
      ended += 1;
    };
    return { details: { ip: '10.0.0.1' }, close } as unknown as RegisteredListener;
  });
  const { ban, gate, clock } = gateOf({}, listeners);
  await ban('10.0.0.1');
  assert.equal(ended, 0);
  let turns = 0;
  const watch = () => {
    if (ended >= 12_000 || turns === 100) return;
    turns += 1;
    clock.after(0, watch);
  };
  clock.after(0, watch);
  clock.advance(0);
  assert.equal(ended, 12_000);
  assert.ok(turns >= 2, `${turns} turns`);
  gate.close();
});
