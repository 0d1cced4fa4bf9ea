import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocateBody, HlsAnswer, rangeOf } from './hls-answer.ts';

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

test('a piece of a body does not overwrite the head of the whole', () => {
  const whole = allocateBody(12_345).fill(1);
  const answers = [
    new HlsAnswer(200, 'test', ['Content-Type: audio/mp4'], whole, '"a-1.m4s"'),
    new HlsAnswer(200, 'test', ['Content-Type: audio/mp4'], whole.subarray(0, 1_234), '"a-1.0.m4s"'),
    // A segment of one part.
    new HlsAnswer(200, 'test', ['Content-Type: audio/mp4'], whole.subarray(0), '"a-1.0.m4s"'),
  ];
  const apart = answers.map((answer) => Buffer.from(answer.wire(0)));
  for (const [i, answer] of answers.entries()) {
    const text = Buffer.from(answer.wire(0)).toString('latin1');
    assert.equal(text, apart[i]!.toString('latin1'));
    assert.match(text, /^HTTP\/1\.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n/);
    assert.ok(text.includes(`Content-Length: ${answer.body.byteLength}\r\n`));
    assert.ok(text.includes(`ETag: ${answer.etag}\r\n`));
    assert.equal(
      Buffer.from(answer.wire(5_000)).toString('latin1').slice(0, 54).endsWith('05 GMT\r\n'),
      true,
    );
  }
});
