import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteWindow, maxLookaheadBytes } from './byte-window.ts';

const contents = (window: ByteWindow): Buffer => Buffer.from(window.bytes.subarray(window.start, window.end));

test('gives back what went in, whatever is taken, dropped and kept', () => {
  const step = fc.record({
    append: fc.nat(20_000),
    consume: fc.nat(20_000),
    take: fc.nat(20_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const window = new ByteWindow();
      let expected = Buffer.alloc(0);
      let next = 0;
      const taken: { view: Uint8Array; copy: Buffer }[] = [];
      for (const { append, consume, take } of steps) {
        const chunk = Buffer.from(Uint8Array.from({ length: append }, () => next++ & 0xff));
        for (let at = 0; at < append; ) {
          // The splitters promise to leave room.
          const excess = window.length - maxLookaheadBytes;
          if (excess > 0) {
            window.consume(excess);
            expected = expected.subarray(excess);
          }
          const count = window.append(chunk, at);
          assert.ok(count > 0);
          expected = Buffer.concat([expected, chunk.subarray(at, at + count)]);
          at += count;
        }
        const dropped = Math.min(consume, window.length);
        window.consume(dropped);
        expected = expected.subarray(dropped);
        const view = window.take(Math.min(take, window.length));
        taken.push({ view, copy: Buffer.from(view) });
        assert.ok(expected.subarray(0, view.length).equals(view));
        expected = expected.subarray(view.length);
        assert.ok(contents(window).equals(expected));
      }
      for (const { view, copy } of taken) assert.ok(copy.equals(view), 'a view was written again');
    }),
    { numRuns: 60 },
  );
});
