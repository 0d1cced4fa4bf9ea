import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { PlaceQueue } from './place-queue.ts';

test('places go on in order, and who waited too long has none', async () => {
  const clock = new ManualClock();
  const queue = new PlaceQueue(clock, 1, 3);
  assert.equal(await queue.enter(100), true);
  const heard: string[] = [];
  const wait = (name: string, withinMs: number) =>
    void queue.enter(withinMs).then((hasPlace) => heard.push(`${name} ${hasPlace}`));
  wait('first', 1_000);
  wait('second', 50);
  wait('third', 1_000);
  assert.equal(await queue.enter(1_000), false, 'there is no room to wait');
  assert.equal(queue.waiting, 3);
  clock.advance(50);
  await Promise.resolve();
  queue.leave();
  await Promise.resolve();
  assert.deepEqual(heard, ['second false', 'first true']);
  queue.leave();
  await Promise.resolve();
  assert.deepEqual(heard.at(-1), 'third true');
  assert.ok(!queue.isIdle);
  queue.leave();
  assert.ok(queue.isIdle);
  assert.equal(await queue.enter(0), true);
  assert.equal(await queue.enter(0), false);
});
