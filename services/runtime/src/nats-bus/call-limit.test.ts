import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallLimit } from './call-limit.ts';

test('calls beyond the limit wait their turn, in order; beyond that they are refused', async () => {
  const limit = new CallLimit(2, 2);
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<number>());
  const started: number[] = [];
  const calls = gates.map(({ promise }, i) =>
    limit.run(() => {
      started.push(i);
      return promise;
    }),
  );
  await assert.rejects(limit.run(async () => 0));
  assert.deepEqual(started, [0, 1]);
  gates[1]!.resolve(1);
  assert.equal(await calls[1], 1);
  assert.deepEqual(started, [0, 1, 2]);
  gates[0]!.reject(new Error('failed'));
  await assert.rejects(calls[0]!);
  assert.deepEqual(started, [0, 1, 2, 3]);
  gates[2]!.resolve(2);
  gates[3]!.resolve(3);
  assert.deepEqual(await Promise.all([calls[2], calls[3]]), [2, 3]);
  assert.equal(await limit.run(async () => 5), 5);
});
