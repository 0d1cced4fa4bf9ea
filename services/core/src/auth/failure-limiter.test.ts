import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../manual-clock.ts';
import { addressKey, FailureLimiter } from './failure-limiter.ts';

test('a key is blocked after too many failures, for the rest of the window', () => {
  const clock = new ManualClock();
  const limiter = new FailureLimiter(clock, 3, 60_000);
  limiter.recordFailure('a');
  clock.advance(10_000);
  limiter.recordFailure('a');
  assert.equal(limiter.blockedMs('a'), 0);
  limiter.recordFailure('a');
  assert.equal(limiter.blockedMs('a'), 50_000);
  assert.equal(limiter.blockedMs('b'), 0);
  clock.advance(30_000);
  limiter.recordFailure('a');
  assert.equal(limiter.blockedMs('a'), 20_000, 'further failures make it no longer');
  clock.advance(20_000);
  assert.equal(limiter.blockedMs('a'), 0);
  limiter.recordFailure('a');
  assert.equal(limiter.blockedMs('a'), 0, 'and a new window begins with a new count');
});

test('a success forgets the failures before it', () => {
  const limiter = new FailureLimiter(new ManualClock(), 2);
  limiter.recordFailure('a');
  limiter.recordSuccess('a');
  limiter.recordFailure('a');
  assert.equal(limiter.blockedMs('a'), 0);
});

test('a flood of keys forgets the longest unused and takes no more memory', () => {
  const limiter = new FailureLimiter(new ManualClock(), 1, 60_000, 100);
  limiter.recordFailure('regular');
  for (let i = 0; i < 99; i += 1) limiter.recordFailure(`flood ${i}`);
  limiter.recordFailure('regular');
  for (let i = 0; i < 99; i += 1) limiter.recordFailure(`more ${i}`);
  assert.ok(limiter.blockedMs('regular') > 0);
  assert.equal(limiter.blockedMs('flood 98'), 0);
  limiter.recordFailure('one more');
  assert.equal(limiter.blockedMs('regular'), 0);
});

test('an IPv4 address counts by itself, however it is written', () => {
  assert.equal(addressKey('192.0.2.1'), '192.0.2.1');
  assert.equal(addressKey('::ffff:192.0.2.1'), '192.0.2.1');
  assert.notEqual(addressKey('::FFFF:192.0.2.1'), addressKey('::ffff:192.0.2.2'));
});

test('IPv6 addresses count by their /64 network, however they are written', () => {
  const same = ['2001:db8::1', '2001:db8:0:0:ffff::', '2001:0DB8:0000:0000:1:2:3:4', '2001:db8::a:b:c:d'];
  assert.deepEqual(new Set(same.map(addressKey)), new Set(['2001:db8:0:0']));
  assert.equal(addressKey('2001:db8:0:1::1'), '2001:db8:0:1');
  assert.equal(addressKey('::1'), '0:0:0:0');
  assert.equal(addressKey('fe80::1%eth0'), 'fe80:0:0:0');
});
