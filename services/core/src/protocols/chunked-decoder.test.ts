import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LegacyStreamError } from '../errors.ts';
import { ChunkedDecoder, maxSizeLineBytes, maxTrailerBytes } from './chunked-decoder.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

/** The payload and what follows it, or the code of the error. */
function decode(chunks: readonly Uint8Array[]): unknown {
  const decoder = new ChunkedDecoder();
  const parts: Uint8Array[] = [];
  const rest: Uint8Array[] = [];
  try {
    for (const chunk of chunks) {
      if (decoder.done) {
        rest.push(chunk);
        continue;
      }
      parts.push(...decoder.push(chunk));
      if (decoder.done) rest.push(decoder.rest);
    }
  } catch (error) {
    if (error instanceof LegacyStreamError) return error.code;
    throw error;
  }
  const text = (list: Uint8Array[]) => Buffer.concat(list).toString('latin1');
  return decoder.done ? { payload: text(parts), rest: text(rest) } : { payload: text(parts) };
}

const decodeText = (text: string) => decode([bytes(text)]);

test('payload is freed of its sizes, in either case and with any line end', () => {
  assert.deepEqual(decodeText('3\r\nabc\r\nA\n0123456789\n00b\r\n01234567890\r\n0\r\n\r\nGET'), {
    payload: 'abc012345678901234567890',
    rest: 'GET',
  });
});

test('a body that is not complete gives what there is', () => {
  assert.deepEqual(decodeText('5\r\nab'), { payload: 'ab' });
  assert.deepEqual(decodeText('2\r\nab\r\n0\r\n'), { payload: 'ab' });
});

test('extensions, padding and trailers are passed over', () => {
  assert.deepEqual(decodeText('2 \t;a=b;c="d"\r\nab\r\n1;\nc\r\n0;x\r\nTrailer: 1\r\nOther: 2\r\n\r\nrest'), {
    payload: 'abc',
    rest: 'rest',
  });
});

test('payload is handed on without a copy', () => {
  const input = new Uint8Array(bytes('3\r\nabc\r\n'));
  const [part] = new ChunkedDecoder().push(input);
  assert.equal(part?.buffer, input.buffer);
});

test('what is not chunked is an error', () => {
  for (const text of [
    '\r\n',
    ';\r\n',
    ' 3\r\nabc',
    'xyz\r\n',
    '-1\r\n',
    '+1\r\n',
    '0x3\r\nabc',
    '3 3\r\n',
    '3\rx',
    '3;\x01\r\n',
    '3;a\rb\r\n',
    '3\r\nabcd',
    '3\r\nabc\rd',
    '80000000\r\n',
    `${'f'.repeat(40)}\r\n`,
    'ID3\x04',
  ]) {
    assert.equal(decodeText(text), 'LS_BODY_MALFORMED', JSON.stringify(text));
  }
});

test('an error stays', () => {
  const decoder = new ChunkedDecoder();
  assert.throws(() => decoder.push(bytes('x')), LegacyStreamError);
  assert.throws(() => decoder.push(bytes('1\r\na\r\n')), LegacyStreamError);
});

test('bytes after the end are never payload', () => {
  const decoder = new ChunkedDecoder();
  decoder.push(bytes('0\r\n\r\nnext'));
  assert.deepEqual(decoder.push(bytes('1\r\na\r\n')), []);
  assert.equal(Buffer.from(decoder.rest).toString(), 'next');
});

test('a chunk of just under 2 GiB is begun without holding it', () => {
  assert.deepEqual(decodeText('7fffffff\r\nabc'), { payload: 'abc' });
});

test('a size line at its limit passes, above it is an error', () => {
  const line = (length: number) => `1;${'x'.repeat(length - 3)}\n`;
  assert.deepEqual(decodeText(`${line(maxSizeLineBytes)}a\n`), { payload: 'a' });
  assert.equal(decodeText(`${line(maxSizeLineBytes + 1)}a\n`), 'LS_BODY_MALFORMED');
  assert.equal(decodeText('0'.repeat(maxSizeLineBytes + 1)), 'LS_BODY_MALFORMED');
});

test('a trailer section at its limit passes, above it is an error', () => {
  const section = (length: number) => `${'x'.repeat(length - 2)}\n\n`;
  assert.deepEqual(decodeText(`0\n${section(maxTrailerBytes)}x`), { payload: '', rest: 'x' });
  assert.equal(decodeText(`0\n${section(maxTrailerBytes + 1)}x`), 'LS_BODY_MALFORMED');
  assert.equal(decodeText(`0\n${'a'.repeat(maxTrailerBytes + 1)}`), 'LS_BODY_MALFORMED');
});

test('any chunks of a body, split anywhere, give the body', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 20 }),
      (body, size) => {
        const framed = body.flatMap((part) => [
          bytes(`${part.length.toString(16)}\r\n`),
          part,
          bytes('\r\n'),
        ]);
        const whole = Buffer.concat([...framed, bytes('0\r\n\r\nrest')]);
        const cut = [];
        for (let at = 0; at < whole.length; at += size) cut.push(whole.subarray(at, at + size));
        assert.deepEqual(decode(cut), { payload: Buffer.concat(body).toString('latin1'), rest: 'rest' });
      },
    ),
    { numRuns: 500 },
  );
});

test('any split of any input gives the same result, and only our errors', () => {
  const fragment = fc.constantFrom(
    '0',
    '1',
    '3',
    'a',
    'F',
    '\r\n',
    '\n',
    '\r',
    ';',
    ' ',
    'x',
    '3\r\nabc\r\n',
    '0\r\n\r\n',
    '\0',
  );
  const input = fc.oneof(
    fc.array(fragment, { maxLength: 20 }).map((parts) => bytes(parts.join(''))),
    fc.uint8Array({ maxLength: 60 }),
  );
  fc.assert(
    fc.property(input, fc.nat(60), (whole, cut) => {
      const expected = decode([whole]);
      assert.deepEqual(decode([whole.subarray(0, cut), whole.subarray(cut)]), expected);
      assert.deepEqual(decode([...whole].map((byte) => Uint8Array.of(byte))), expected);
    }),
    { numRuns: 1500 },
  );
});
