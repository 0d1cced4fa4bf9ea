import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeHlsClaims,
  encodeHlsClaims,
  type HlsClaim,
  maxClaims,
} from '@legacystream/core/bus/hls-claims.ts';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import type { BusHandler } from '@legacystream/core/ports/bus.ts';
import { SessionClaims } from './session-claims.ts';

const subjects = new Subjects('test');

function setUp() {
  const clock = new ManualClock();
  const sent: { atMs: number; claims: readonly HlsClaim[]; kills: readonly string[] }[] = [];
  const heard: string[] = [];
  let handler: BusHandler | undefined;
  const bus = {
    publish: (subject: string, data: Uint8Array) => {
      assert.equal(subject, subjects.hlsListeners);
      const { claims, kills } = decodeHlsClaims(data)!;
      sent.push({ atMs: clock.monotonicMs(), claims, kills });
    },
    subscribe: (_: string, on: BusHandler) => {
      handler = on;
      return { unsubscribe: () => (handler = undefined) };
    },
  };
  const owner = {
    claimed: ({ hash, heldSinceMs }: HlsClaim, podId: string) =>
      void heard.push(`${podId} has ${hash} at ${heldSinceMs}`),
    killed: (hash: string) => void heard.push(`${hash} is killed`),
  };
  const claims = new SessionClaims({ bus, subjects, clock, podId: 'a' }, owner);
  const deliver = (data: Uint8Array) => handler?.(data, subjects.hlsListeners);
  return { clock, sent, heard, claims, deliver, isSubscribed: () => handler !== undefined };
}

const sessionOf = (n: number) => ({ hash: String(n).padStart(8, '0'), heldSinceMs: n, isOver: false });

test('the first claim goes out at once, those that follow five times a second', () => {
  const { clock, sent, claims } = setUp();
  claims.claim(sessionOf(1));
  clock.advance(0);
  assert.deepEqual(sent, [{ atMs: 0, claims: [{ hash: '00000001', heldSinceMs: 1 }], kills: [] }]);
  for (let n = 2; n < 102; n += 1) {
    claims.claim(sessionOf(n));
    clock.advance(20);
  }
  assert.ok(sent.length >= 10 && sent.length <= 11, `${sent.length} messages in two seconds`);
  for (const [i, { atMs }] of sent.entries()) if (i > 0) assert.ok(atMs - sent[i - 1]!.atMs >= 200);
  clock.advance(200);
  assert.equal(sent.flatMap((message) => message.claims).length, 101);
  assert.equal(clock.pendingTimers, 0);
});

test('a claim tells what is so when it goes out', () => {
  const { clock, sent, claims } = setUp();
  const [later, gone] = [sessionOf(1), sessionOf(2)];
  claims.claim(later);
  claims.claim(later);
  claims.claim(gone);
  later.heldSinceMs = 50;
  gone.isOver = true;
  clock.advance(200);
  assert.deepEqual(
    sent.map((message) => message.claims),
    [[{ hash: '00000001', heldSinceMs: 50 }]],
  );
});

test('a crowd is told in messages of a bounded size, and a crowd beyond all bounds is not told whole', () => {
  const { clock, sent, claims } = setUp();
  const crowd = 16 * maxClaims;
  for (let n = 0; n < crowd + 10; n += 1) claims.claim(sessionOf(n));
  claims.kill('killed-1');
  assert.equal(claims.isBusy, true);
  assert.equal(claims.dropped, 10);
  clock.advance(0);
  assert.equal(sent.length, 1);
  assert.deepEqual(sent[0]!.kills, ['killed-1'], 'a kill does not wait behind the crowd');
  clock.advance(20 * 200);
  assert.equal(sent.length, 16);
  for (const message of sent) assert.equal(message.claims.length, maxClaims);
  assert.equal(claims.isBusy, false);
});

test('what others say is passed on, what oneself or nobody said is not', () => {
  const { heard, claims, deliver } = setUp();
  const said = { claims: [sessionOf(1)], kills: ['killed-1'] };
  deliver(encodeHlsClaims({ podId: 'b', ...said }));
  deliver(encodeHlsClaims({ podId: 'a', ...said }));
  deliver(Buffer.from('nonsense'));
  assert.deepEqual(heard, ['b has 00000001 at 1', 'killed-1 is killed']);
  assert.equal(claims.malformed, 1);
});

test('what others have is known for a minute or so', () => {
  const { clock, claims, deliver } = setUp();
  const hear = (n: number) => deliver(encodeHlsClaims({ podId: 'b', claims: [sessionOf(n)], kills: [] }));
  hear(1);
  assert.equal(claims.isElsewhere('00000001'), true);
  assert.equal(claims.isElsewhere('00000002'), false);
  clock.advance(44_000);
  hear(2);
  clock.advance(45_000);
  assert.equal(claims.isElsewhere('00000002'), true);
  clock.advance(45_000);
  assert.equal(claims.isElsewhere('00000001'), false);
  assert.equal(claims.isElsewhere('00000002'), false);
  hear(3);
  clock.advance(3_600_000);
  assert.equal(claims.isElsewhere('00000003'), false, 'nothing heard for an hour');
});

test('after the end nothing is said or heard, but the last kills are told', () => {
  const { clock, sent, heard, claims, deliver, isSubscribed } = setUp();
  claims.claim(sessionOf(1));
  claims.kill('killed-1');
  claims.close();
  claims.close();
  assert.deepEqual(sent, [{ atMs: 0, claims: [], kills: ['killed-1'] }]);
  claims.claim(sessionOf(2));
  clock.advance(1_000);
  deliver(encodeHlsClaims({ podId: 'b', claims: [sessionOf(1)], kills: [] }));
  assert.deepEqual([sent.length, heard.length, isSubscribed(), clock.pendingTimers], [1, 0, false, 0]);
});
