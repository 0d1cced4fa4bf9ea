import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InputWindow } from './input-window.ts';

test('what goes in comes out in order, however it is appended, taken and dropped', () => {
  const steps = fc.array(
    fc.record({ append: fc.uint8Array({ maxLength: 9000 }), take: fc.nat(9000), drop: fc.nat(3000) }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const window = new InputWindow();
      let model = Buffer.alloc(0);
      for (const { append, take, drop } of list) {
        model = Buffer.concat([model, append]);
        const chunk = append.slice();
        window.append(chunk);
        // The caller may use its chunk again.
        chunk.fill(0);
        const count = Math.min(take, model.length);
        assert.deepEqual(Buffer.from(window.take(count)), model.subarray(0, count));
        model = model.subarray(count);
        const dropped = Math.min(drop, model.length);
        window.drop(dropped);
        model = model.subarray(dropped);
        assert.equal(window.length, model.length);
        assert.deepEqual(Buffer.from(window.bytes.subarray(window.start, window.end)), model);
      }
    }),
    { numRuns: 60 },
  );
});

test('what was taken is not changed by later input', () => {
  const window = new InputWindow();
  window.append(Uint8Array.of(1, 2, 3));
  const taken = window.take(3);
  window.append(Uint8Array.of(9, 9, 9));
  assert.deepEqual(taken, Uint8Array.of(1, 2, 3));
});

test('a buffer that had to grow is given back once it is empty', () => {
  const window = new InputWindow();
  window.append(new Uint8Array(1_000_000));
  window.drop(1_000_000);
  assert.ok(window.bytes.length <= 262_144);
});

test('the buffer stays near the bytes that it holds', () => {
  const window = new InputWindow();
  for (let step = 0; step < 10_000; step++) {
    window.append(new Uint8Array(1000));
    if (window.length > 5000) window.drop(1000);
  }
  assert.ok(window.bytes.length <= 32_768, String(window.bytes.length));
});
