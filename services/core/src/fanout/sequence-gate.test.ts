import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SequenceGate } from './sequence-gate.ts';

test('messages of one writer are taken in order, once', () => {
  const gate = new SequenceGate();
  gate.take(10, 1);
  assert.ok(gate.isAhead(10, 2));
  assert.equal(gate.missingBefore(10, 2), 0);
  gate.take(10, 2);
  assert.ok(!gate.isAhead(10, 2));
  assert.ok(!gate.isAhead(10, 1));
  assert.ok(gate.isAhead(10, 5));
  assert.equal(gate.missingBefore(10, 5), 2);
  assert.deepEqual([gate.epoch, gate.seq], [10, 2], 'asking takes nothing');
});

test('nothing is missing before the first message, whatever its number', () => {
  const gate = new SequenceGate();
  assert.equal(gate.missingBefore(10, 500), 0);
  gate.fence(10);
  assert.equal(gate.missingBefore(10, 500), 0);
  gate.take(10, 500);
  assert.equal(gate.missingBefore(10, 502), 1);
});

test('a new writer begins at 1: what comes before its first message is missing', () => {
  const gate = new SequenceGate();
  gate.take(10, 7);
  assert.equal(gate.missingBefore(11, 1), 0);
  assert.equal(gate.missingBefore(11, 4), 3);
});

test('a superseded writer is never heard again', () => {
  const gate = new SequenceGate();
  gate.take(10, 5);
  assert.ok(gate.isAhead(11, 3));
  gate.take(11, 3);
  assert.ok(!gate.isAhead(10, 6));
  assert.ok(!gate.isAhead(11, 1));
});

test('a fence refuses what is below it, and never moves back', () => {
  const gate = new SequenceGate();
  gate.fence(20);
  assert.ok(!gate.isAhead(19, 100));
  assert.ok(gate.isAhead(20, 1));
  gate.take(20, 7);
  gate.fence(20);
  gate.fence(5);
  assert.deepEqual([gate.epoch, gate.seq], [20, 7]);
  gate.fence(21);
  assert.ok(!gate.isAhead(20, 8));
});
