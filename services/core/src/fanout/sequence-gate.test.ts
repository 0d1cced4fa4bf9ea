import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SequenceGate } from './sequence-gate.ts';

test('messages of one writer are taken in order, once', () => {
  const gate = new SequenceGate();
  assert.equal(gate.judge(10, 1), 'new-epoch');
  gate.take(10, 1);
  assert.equal(gate.judge(10, 2), 'next');
  gate.take(10, 2);
  assert.equal(gate.judge(10, 2), 'duplicate');
  assert.equal(gate.judge(10, 1), 'duplicate');
  assert.equal(gate.judge(10, 4), 'gap');
  assert.deepEqual([gate.epoch, gate.seq], [10, 2], 'judging takes nothing');
});

test('a superseded writer is never heard again', () => {
  const gate = new SequenceGate();
  gate.take(10, 5);
  assert.equal(gate.judge(11, 3), 'new-epoch');
  gate.take(11, 3);
  assert.equal(gate.judge(10, 6), 'stale');
  assert.equal(gate.judge(11, 1), 'duplicate');
});

test('a fence refuses what is below it, and never moves back', () => {
  const gate = new SequenceGate();
  gate.fence(20);
  assert.equal(gate.judge(19, 100), 'stale');
  assert.equal(gate.judge(20, 1), 'next');
  gate.take(20, 7);
  gate.fence(20);
  gate.fence(5);
  assert.deepEqual([gate.epoch, gate.seq], [20, 7]);
  gate.fence(21);
  assert.equal(gate.judge(20, 8), 'stale');
});
