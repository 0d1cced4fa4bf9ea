import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeHlsClaims,
  encodeHlsClaims,
  type HlsClaim,
  type HlsClaims,
  maxClaims,
  notHeld,
} from '@legacystream/core/bus/hls-claims.ts';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import type { BusHandler } from '@legacystream/core/ports/bus.ts';
import { SessionClaims } from './session-claims.ts';

const subjects = new Subjects('test');

function setUp() {
  const clock = new ManualClock();
  const sent: ({ readonly atMs: number } & Omit<HlsClaims, 'podId'>)[] = [];
  const heard: string[] = [];
  let handler: BusHandler | undefined;
  const bus = {
    publish: (subject: string, data: Uint8Array) => {
      assert.equal(subject, subjects.hlsListeners);
      const { claims, kills, ends } = decodeHlsClaims(data)!;
      sent.push({ atMs: clock.monotonicMs(), claims, kills, ends });
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
    ended: (hash: string) => void heard.push(`${hash} is over`),
  };
  const claims = new SessionClaims({ bus, subjects, clock, podId: 'a', rememberMs: 50_000 }, owner);
  const deliver = (said: Partial<HlsClaims>) =>
    handler?.(
      encodeHlsClaims({ podId: 'b', claims: [], kills: [], ends: [], ...said }),
      subjects.hlsListeners,
    );
  const deliverBytes = (data: Uint8Array) => handler?.(data, subjects.hlsListeners);
  return { clock, sent, heard, claims, deliver, deliverBytes, isSubscribed: () => handler !== undefined };
}

const sessionOf = (n: number) => ({ hash: String(n).padStart(8, '0'), heldSinceMs: n, isOver: false });

test('the first claim goes out at once, those that follow five times a second', () => {
  const { clock, sent, claims } = setUp();
  claims.claim(sessionOf(1));
  clock.advance(0);
  assert.deepEqual(sent, [{ atMs: 0, claims: [{ hash: '00000001', heldSinceMs: 1 }], kills: [], ends: [] }]);
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

test('ends go in messages of their own, which edges of an earlier version drop', () => {
  const { clock, sent, claims } = setUp();
  claims.claim(sessionOf(1));
  claims.end('ended--1');
  claims.kill('killed-1');
  claims.end('ended--2');
  clock.advance(0);
  assert.deepEqual(sent, [
    { atMs: 0, claims: [{ hash: '00000001', heldSinceMs: 1 }], kills: ['killed-1'], ends: [] },
    { atMs: 0, claims: [], kills: [], ends: ['ended--1', 'ended--2'] },
  ]);
});

test('of a session that ends and begins again only what is so last is told', () => {
  const { clock, sent, claims } = setUp();
  const told = () => sent.splice(0).map((message) => [message.claims.map(({ hash }) => hash), message.ends]);
  const first = sessionOf(1);
  claims.claim(first);
  first.isOver = true;
  claims.end(first.hash);
  const second = sessionOf(1);
  claims.claim(second);
  clock.advance(200);
  assert.deepEqual(told(), [[['00000001'], []]]);
  claims.claim(second);
  second.isOver = true;
  claims.end(second.hash);
  claims.claim(sessionOf(2));
  clock.advance(200);
  assert.deepEqual(told(), [
    [['00000002'], []],
    [[], ['00000001']],
  ]);
});

test('a crowd that ends together is told in bounded messages, and beyond all bounds not whole', () => {
  const { clock, sent, claims } = setUp();
  const crowd = 1_000_000;
  for (let n = 0; n < crowd; n += 1) claims.end(String(n).padStart(8, '0'));
  claims.claim(sessionOf(1));
  assert.equal(claims.dropped, crowd - 16 * maxClaims);
  clock.advance(0);
  assert.equal(sent[0]!.claims.length, 1, 'a claim does not wait behind the crowd');
  clock.advance(20 * 200);
  assert.equal(sent.length, 17);
  const sizes = sent.slice(1).map(({ ends }) => ends.length);
  // The claim took back the end of the same session.
  assert.deepEqual(sizes, [...Array(15).fill(maxClaims), maxClaims - 1]);
  assert.equal(clock.pendingTimers, 0);
});

test('what others say is passed on, what oneself or nobody said is not', () => {
  const { heard, claims, deliver, deliverBytes } = setUp();
  const said = { claims: [sessionOf(1)], kills: ['killed-1'], ends: ['ended--1'] };
  deliver({ podId: 'b', ...said });
  deliver({ podId: 'a', ...said });
  deliverBytes(Buffer.from('nonsense'));
  assert.deepEqual(heard, ['b has 00000001 at 1', 'killed-1 is killed', 'ended--1 is over']);
  assert.equal(claims.malformed, 1);
});

test('what others count is known until they say that it is over, or nothing for a minute', () => {
  const { clock, claims, deliver } = setUp();
  const hear = (n: number) => deliver({ claims: [sessionOf(n)] });
  hear(1);
  hear(2);
  deliver({ claims: [{ ...sessionOf(3), heldSinceMs: notHeld }] });
  deliver({ ends: ['00000002', '00000009'] });
  const known = () => [1, 2, 3].filter((n) => claims.isElsewhere(sessionOf(n).hash));
  assert.deepEqual(known(), [1]);
  hear(2);
  clock.advance(49_900);
  assert.deepEqual(known(), [1, 2], 'claimed again');
  hear(1);
  clock.advance(10_100);
  assert.deepEqual(known(), [1]);
});

test('of what ended here nothing is known any more, not even that another edge once counted it', () => {
  const { claims, deliver } = setUp();
  deliver({ claims: [sessionOf(1)] });
  claims.end('00000001');
  assert.equal(claims.isElsewhere('00000001'), false);
});

test('after it was closed nothing is said or heard, but the last kills and ends are told', () => {
  const { clock, sent, heard, claims, deliver, isSubscribed } = setUp();
  claims.claim(sessionOf(1));
  claims.kill('killed-1');
  claims.end('ended--1');
  claims.close();
  claims.close();
  assert.deepEqual(sent, [
    { atMs: 0, claims: [], kills: ['killed-1'], ends: [] },
    { atMs: 0, claims: [], kills: [], ends: ['ended--1'] },
  ]);
  claims.claim(sessionOf(2));
  claims.end('ended--2');
  clock.advance(1_000);
  deliver({ claims: [sessionOf(1)] });
  assert.deepEqual([sent.length, heard.length, isSubscribed(), clock.pendingTimers], [2, 0, false, 0]);
});
