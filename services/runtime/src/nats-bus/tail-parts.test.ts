import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodePart, encodeTail, mergeTails, newestWithin } from './tail-parts.ts';

const message = (number: number): Buffer => {
  const data = Buffer.alloc(60);
  data.writeUInt32BE(number, 20);
  return data;
};
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
const numbers = (messages: readonly Uint8Array[]): number[] =>
  messages.map((data) => Buffer.from(data).readUInt32BE(20));
const merge = (stored: readonly number[], tail: readonly number[]): number[] =>
  numbers(mergeTails(stored.map(message), tail.map(message)));

test('a tail comes back as it was, in parts of bounded size', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 50 }), (messages) => {
      const parts = encodeTail(messages, 7).map((part) => decodePart(part)!);
      assert.deepEqual(
        parts.flatMap((part) => part.messages.map((data) => [...data])),
        messages.map((data) => [...data]),
      );
    }),
  );
  const parts = encodeTail(
    Array.from({ length: 10 }, () => Buffer.alloc(200_000)),
    0xfffffffe,
  );
  assert.ok(parts.length === 5 && parts.every((part) => part.byteLength <= 512 * 1024 + 5));
  assert.deepEqual(
    parts.map((part) => decodePart(part)?.isLast),
    [false, false, false, false, true],
  );
  assert.ok(parts.every((part) => decodePart(part)?.answer === 0xfffffffe));
});

test('garbage is refused and never throws', () => {
  fc.assert(fc.property(fc.uint8Array(), (data) => void decodePart(data)));
  const id = [255, 255, 255, 255];
  for (const bad of [
    [],
    [1, 0, 0, 0],
    [2, ...id],
    [1, ...id, 0],
    [1, ...id, 0, 0, 0, 2, 1],
    [1, ...id, ...id],
  ])
    assert.equal(decodePart(Uint8Array.from(bad)), undefined);
});

test('the tail fills the holes of the stream and goes beyond its end', () => {
  assert.deepEqual(merge([...range(1, 110), ...range(300, 320)], range(60, 330)), range(1, 330));
  assert.deepEqual(merge([...range(1, 110), ...range(300, 320)], range(150, 330)), [
    ...range(1, 110),
    ...range(150, 330),
  ]);
  assert.deepEqual(merge(range(1, 5), range(6, 9)), range(1, 9));
  assert.deepEqual(merge([], range(1, 3)), range(1, 3));
  assert.deepEqual(merge(range(1, 3), []), range(1, 3));
});

test('what only the stream has stays: the messages of a new owner behind those of the old one', () => {
  assert.deepEqual(merge([...range(1, 20), ...range(901, 910)], range(10, 22)), [
    ...range(1, 20),
    ...range(901, 910),
    21,
    22,
  ]);
});

test('messages that were published again stay in their order', () => {
  const merged = merge([...range(1, 10), ...range(8, 14)], range(5, 16));
  assert.deepEqual(
    merged.filter((number, i) => merged.indexOf(number) === i),
    range(1, 16),
  );
});

test('the newest that fit are kept', () => {
  const messages = range(1, 10).map(message);
  assert.deepEqual(numbers(newestWithin(messages, 185)), [8, 9, 10]);
  assert.deepEqual(newestWithin(messages, 59), []);
});
