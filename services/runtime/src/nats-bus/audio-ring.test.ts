import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AudioRing, ringOverheadBytes } from './audio-ring.ts';

const data = Buffer.from('1234');
const messageBytes = data.byteLength + ringOverheadBytes;

function createRing(maxAgeMs = 1_000, maxMessages = 100) {
  const lost: number[] = [];
  const ring = new AudioRing({ maxAgeMs, maxBytes: maxMessages * messageBytes }, (count) => {
    for (let i = 0; i < count; i++) lost.push(1);
  });
  const append = (count: number, atMs: number): void => {
    for (let i = 0; i < count; i++) ring.append('s', data, atMs);
  };
  const send = (count = Number.POSITIVE_INFINITY): number[] => {
    const sent: number[] = [];
    for (let message = ring.peek(); message && sent.length < count; message = ring.peek()) {
      sent.push(message.order);
      ring.advance();
    }
    return sent;
  };
  return { ring, lost, append, send };
}

test('messages are sent once, in order', () => {
  const { ring, append, send } = createRing();
  append(3, 0);
  assert.deepEqual(send(2), [1, 2]);
  append(1, 1);
  assert.equal(ring.waiting, 2);
  assert.deepEqual(send(), [3, 4]);
  assert.equal(ring.peek(), undefined);
});

test('what was not confirmed is sent again, with a margin of what was', () => {
  const { ring, append, send } = createRing(60_000);
  for (let i = 0; i < 10; i++) append(1, i * 100);
  send();
  ring.confirm(ring.sentMark, 900);
  append(2, 1_000);
  send();
  ring.rewind(250);
  assert.deepEqual(send(), [8, 9, 10, 11, 12]);
});

test('a backlog that was not confirmed is sent again however old it is', () => {
  const { ring, append, send } = createRing(60_000);
  append(5, 0);
  ring.confirm(ring.sentMark, 10_000);
  send();
  ring.rewind(100);
  assert.deepEqual(send(), [1, 2, 3, 4, 5]);
});

test('a message counts as sent for the first time only once', () => {
  const { ring, append } = createRing();
  append(2, 0);
  assert.equal(ring.advance(), true);
  ring.rewind(0);
  assert.equal(ring.advance(), false);
  assert.equal(ring.advance(), true);
});

test('what goes without having been sent is lost, and so is what may never have arrived', () => {
  const { ring, lost, append, send } = createRing(1_000, 5);
  append(7, 0);
  assert.equal(lost.length, 2);
  assert.deepEqual(send(), [3, 4, 5, 6, 7]);
  append(2, 0);
  // 3 and 4 are on their way: nobody knows yet.
  assert.equal(lost.length, 2);
  ring.rewind(0);
  assert.equal(lost.length, 4);
  assert.deepEqual(send(), [5, 6, 7, 8, 9]);
  ring.confirm(ring.sentMark, 0);
  ring.expire(2_000);
  ring.rewind(0);
  assert.equal(lost.length, 4);
  assert.equal(ring.length, 0);
  assert.equal(ring.bytes, 0);
});

test('all that is held can be sent again', () => {
  const { ring, append, send } = createRing();
  append(4, 0);
  send();
  ring.confirm(ring.sentMark, 5_000);
  ring.rewindAll();
  assert.deepEqual(send(), [1, 2, 3, 4]);
});

test('the tail of one subject is read within bytes and age', () => {
  const { ring, lost } = createRing(60_000);
  for (let i = 1; i <= 6; i++) {
    ring.append('a', Buffer.from(`a${i}`), i * 100);
    ring.append('b', Buffer.from(`b${i}`), i * 100);
  }
  const tail = (sinceMs: number, maxBytes: number) => ring.tail('a', sinceMs, maxBytes).map(String);
  assert.deepEqual(tail(400, 100), ['a4', 'a5', 'a6']);
  assert.deepEqual(tail(0, 5), ['a5', 'a6']);
  assert.deepEqual(ring.tail('c', 0, 100), []);
  assert.deepEqual(lost, []);
});

test('every message is sent, held or counted as lost, and what is sent is in order', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant('append' as const) },
    { weight: 6, arbitrary: fc.constant('send' as const) },
    fc.constantFrom('confirm' as const, 'rewind' as const, 'rewindAll' as const, 'wait' as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { ring, lost, append } = createRing(500, 8);
      let nowMs = 0;
      let appended = 0;
      let fresh = 0;
      let previous = 0;
      for (const what of steps) {
        nowMs += 10;
        if (what === 'append') {
          append(1, nowMs);
          appended += 1;
        } else if (what === 'send') {
          const message = ring.peek();
          if (!message) continue;
          assert.ok(message.order > previous);
          previous = message.order;
          if (ring.advance()) fresh += 1;
        } else if (what === 'confirm') ring.confirm(ring.sentMark, nowMs);
        else if (what === 'wait') {
          nowMs += 300;
          ring.expire(nowMs);
        } else {
          if (what === 'rewind') ring.rewind(50);
          else ring.rewindAll();
          previous = (ring.peek()?.order ?? appended + 1) - 1;
        }
        assert.ok(ring.bytes <= 8 * messageBytes);
        assert.ok(ring.waiting >= 0 && ring.waiting <= ring.length);
      }
      while (ring.peek()) if (ring.advance()) fresh += 1;
      assert.ok(fresh + lost.length >= appended);
      ring.clear();
      assert.equal(ring.length, 0);
    }),
    { numRuns: 500 },
  );
});
