import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rangeOf } from './hls-answer.ts';

test('one range is cut, others are ignored or refused', () => {
  for (const [text, expected] of [
    [undefined, 'none'],
    ['bytes=0-', { from: 0, to: 100 }],
    ['bytes=0-0', { from: 0, to: 1 }],
    ['bytes=10-19', { from: 10, to: 20 }],
    ['bytes=90-9007199254740991', { from: 90, to: 100 }],
    ['bytes=-10', { from: 90, to: 100 }],
    ['bytes=-1000', { from: 0, to: 100 }],
    ['bytes=-', 'none'],
    ['bytes=0-1,5-6', 'none'],
    ['lines=0-1', 'none'],
    ['bytes=100-', undefined],
    ['bytes=20-10', undefined],
    ['bytes=-0', undefined],
  ] as const) {
    assert.deepEqual(rangeOf(text, 100), expected, text);
  }
});
