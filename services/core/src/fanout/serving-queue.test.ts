import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecordingListener } from '../../../../test/fixtures/recording-listener.ts';
import { ServingQueue } from './serving-queue.ts';

test('turns go round in the order of coming, whoever comes and leaves between', () => {
  const steps = fc.array(fc.oneof(fc.constant('add'), fc.constant('turn'), fc.nat({ max: 400 })), {
    maxLength: 600,
  });
  fc.assert(
    fc.property(steps, (list) => {
      const queue = new ServingQueue();
      const model: RecordingListener[] = [];
      for (const step of list) {
        if (step === 'add') {
          const listener = new RecordingListener();
          queue.add(listener);
          model.push(listener);
        } else if (step === 'turn') {
          assert.equal(queue.first, model[0]);
          queue.rotate();
          if (model.length > 0) model.push(model.shift()!);
          queue.shrink();
        } else if (model.length > 0) {
          const [left] = model.splice((step as number) % model.length, 1);
          assert.ok(queue.remove(left!));
          assert.equal(left!.aboard, false);
        }
        assert.equal(queue.size, model.length);
      }
      assert.deepEqual(new Set(queue), new Set(model));
      assert.ok(model.every((listener) => listener.aboard));
    }),
    { numRuns: 100 },
  );
});

test('a queue refuses to let go who is not in it', () => {
  const [here, there] = [new ServingQueue(), new ServingQueue()];
  const listener = new RecordingListener();
  assert.equal(here.remove(listener), false);
  here.add(listener);
  there.add(new RecordingListener());
  assert.equal(there.remove(listener), false);
  assert.equal(here.remove(listener), true);
  assert.equal(here.remove(listener), false);
  assert.equal(there.size, 1);
});

test('coming and going without a turn takes no more seats than are needed', () => {
  const queue = new ServingQueue();
  const regular = new RecordingListener();
  queue.add(regular);
  let most = 0;
  for (let i = 0; i < 10_000; i += 1) {
    const listener = new RecordingListener();
    queue.add(listener);
    most = Math.max(most, listener.seat);
    queue.remove(listener);
  }
  assert.ok(most < 64);
  assert.equal(queue.first, regular);
});
