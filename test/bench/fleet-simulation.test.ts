import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busLoad, reconnectWave } from './fleet-simulation.ts';

const calm = {
  edges: 10,
  listenersPerEdge: 10_000,
  lost: 1,
  connectsPerSecond: 2000,
  backlog: 4096,
  retrySpreadMs: 1000,
};

test('the bus carries each mount once to each edge that follows it', () => {
  const one = busLoad({ edges: 1, mountsPerEdge: 1, bitrateKbps: 128, chunkMs: 100 });
  assert.equal(one.deliveredPerSecond, 10);
  assert.ok(one.outMbps > 0.128 && one.outMbps < 0.15);
  const many = busLoad({ edges: 100, mountsPerEdge: 40, bitrateKbps: 128, chunkMs: 100 });
  assert.equal(many.deliveredPerSecond, 4000 * one.deliveredPerSecond);
});

test('a wave ends with everyone back, spread over the survivors', () => {
  const wave = reconnectWave(calm);
  assert.equal(wave.retried, 0);
  assert.ok(wave.secondsTo50 <= wave.secondsTo99 && wave.secondsTo99 <= 1.1);
  assert.equal(wave.listenersAfter, Math.round(100_000 / 9));
  assert.deepEqual(reconnectWave(calm), wave);
});

test('more than the accept queue holds is tried again, later', () => {
  const wave = reconnectWave({ ...calm, edges: 2 });
  assert.ok(wave.retried > 0);
  assert.ok(wave.secondsTo99 >= 10_000 / 2000 - 1);
  assert.ok(reconnectWave({ ...calm, edges: 2, retrySpreadMs: 8000 }).retried === 0);
});
