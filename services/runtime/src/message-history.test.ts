import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import fc from 'fast-check';
import { MessageHistory, messageOverheadBytes } from './message-history.ts';

const everything = { maxBytes: Number.POSITIVE_INFINITY, maxAgeMs: Number.POSITIVE_INFINITY };

function texts(history: MessageHistory, subject: string, bounds = everything): string[] {
  return history.read(subject, bounds).map((data) => Buffer.from(data).toString());
}

function append(history: MessageHistory, subject: string, ...messages: string[]): void {
  for (const text of messages) history.append(subject, Buffer.from(text));
}

test('a payload is kept as given, without a copy', () => {
  const history = new MessageHistory(new ManualClock());
  const data = Buffer.from('frames');
  history.append('a', data);
  assert.equal(history.read('a', everything)[0], data);
});

test('messages beyond the age are forgotten, and subjects without any with them', () => {
  const clock = new ManualClock();
  const history = new MessageHistory(clock, { maxAgeMs: 1000 });
  append(history, 'a', '1');
  clock.advance(600);
  append(history, 'a', '2');
  append(history, 'b', 'x');
  clock.advance(500);
  history.sweep();
  assert.deepEqual(texts(history, 'a'), ['2']);
  clock.advance(1000);
  history.sweep();
  assert.equal(history.subjects, 0);
  assert.equal(history.totalBytes, 0);
});

test('a subject keeps its newest messages within its own bound', () => {
  const history = new MessageHistory(new ManualClock(), { maxSubjectBytes: 2 * (messageOverheadBytes + 1) });
  append(history, 'loud', '1', '2', '3');
  append(history, 'quiet', 'x');
  assert.deepEqual(texts(history, 'loud'), ['2', '3']);
  assert.deepEqual(texts(history, 'quiet'), ['x']);
});

test('over the bound in all, the oldest message of any subject goes', () => {
  const history = new MessageHistory(new ManualClock(), { maxTotalBytes: 3 * (messageOverheadBytes + 1) });
  append(history, 'a', '1');
  append(history, 'b', '2');
  append(history, 'a', '3');
  append(history, 'b', '4', '5');
  assert.deepEqual(texts(history, 'a'), ['3']);
  assert.deepEqual(texts(history, 'b'), ['4', '5']);
});

test('over the bound of subjects, the one longest idle goes', () => {
  const history = new MessageHistory(new ManualClock(), { maxSubjects: 2 });
  append(history, 'a', '1');
  append(history, 'b', '2');
  append(history, 'a', '3');
  append(history, 'c', '4');
  assert.equal(history.subjects, 2);
  assert.deepEqual(texts(history, 'b'), []);
  assert.deepEqual(texts(history, 'a'), ['1', '3']);
});

test('a message above every bound is not kept and leaves nothing behind', () => {
  const history = new MessageHistory(new ManualClock(), { maxSubjectBytes: 1000 });
  append(history, 'a', 'x'.repeat(2000));
  assert.equal(history.subjects, 0);
  assert.equal(history.totalBytes, 0);
});

test('any course of events gives the newest messages of each subject within the bounds', () => {
  const step = fc.oneof(
    fc.record({ subject: fc.constantFrom('a', 'b', 'c', 'd'), size: fc.nat({ max: 300 }) }),
    fc.record({ passMs: fc.nat({ max: 400 }) }),
  );
  const bounds = { maxAgeMs: 1000, maxSubjectBytes: 1500, maxTotalBytes: 3000, maxSubjects: 3 };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new ManualClock();
      const history = new MessageHistory(clock, bounds);
      const model: { subject: string; data: Uint8Array; atMs: number }[] = [];
      const bytesOf = (list: typeof model) =>
        list.reduce((sum, { data }) => sum + data.byteLength + messageOverheadBytes, 0);
      const dropFirst = (predicate: (entry: (typeof model)[number]) => boolean) =>
        model.splice(model.findIndex(predicate), 1);
      for (const event of steps) {
        if ('passMs' in event) {
          clock.advance(event.passMs);
          continue;
        }
        const { subject } = event;
        const nowMs = clock.monotonicMs();
        const data = Buffer.alloc(event.size);
        history.append(subject, data);
        while (model[0] && nowMs - model[0].atMs > bounds.maxAgeMs) model.shift();
        const byRecency = [...new Set(model.map((entry) => entry.subject).reverse())];
        if (!byRecency.includes(subject) && byRecency.length >= bounds.maxSubjects) {
          const idle = byRecency.at(-1);
          while (model.some((entry) => entry.subject === idle)) dropFirst((entry) => entry.subject === idle);
        }
        model.push({ subject, data, atMs: nowMs });
        while (bytesOf(model.filter((entry) => entry.subject === subject)) > bounds.maxSubjectBytes) {
          dropFirst((entry) => entry.subject === subject);
        }
        while (bytesOf(model) > bounds.maxTotalBytes) model.shift();
        assert.equal(history.totalBytes, bytesOf(model));
        assert.equal(history.subjects, new Set(model.map((entry) => entry.subject)).size);
        for (const name of ['a', 'b', 'c', 'd']) {
          const expected = model.filter((entry) => entry.subject === name).map((entry) => entry.data);
          assert.deepEqual(history.read(name, everything), expected);
        }
      }
    }),
    { numRuns: 60 },
  );
});
