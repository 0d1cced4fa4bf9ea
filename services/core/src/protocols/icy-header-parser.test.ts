import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LegacyStreamError } from '../errors.ts';
import { IcyHeaderParser } from './icy-header-parser.ts';

const limits = { maxBytes: 512, maxLines: 16 };
const bytes = (text: string) => Buffer.from(text, 'latin1');

function readAll(chunks: readonly Uint8Array[]): unknown {
  const parser = new IcyHeaderParser(limits);
  try {
    for (const [index, chunk] of chunks.entries()) {
      const result = parser.push(chunk);
      if (!result.done) continue;
      const rest = Buffer.concat([result.rest, ...chunks.slice(index + 1)]).toString('latin1');
      return { headers: Object.fromEntries(result.headers), rest };
    }
    return 'not done';
  } catch (error) {
    if (error instanceof LegacyStreamError) return error.code;
    throw error;
  }
}

test('the header block of a SHOUTcast source is read and its first audio kept', () => {
  assert.deepEqual(
    readAll([bytes('icy-name:Unnamed\r\nicy-pub: 1\r\ncontent-type:audio/mpeg\r\n\r\n\xff\xfb\n\n')]),
    {
      headers: { 'icy-name': 'Unnamed', 'icy-pub': '1', 'content-type': 'audio/mpeg' },
      rest: '\xff\xfb\n\n',
    },
  );
});

test('bare line feeds, other headers and a repeated name are taken as they come', () => {
  assert.deepEqual(readAll([bytes('Host: h\nICY-Name:a:b\nicy-name:c\n\nrest')]), {
    headers: { host: 'h', 'icy-name': 'a:b' },
    rest: 'rest',
  });
});

test('a block without headers is a block', () => {
  assert.deepEqual(readAll([bytes('\r\nx')]), { headers: {}, rest: 'x' });
});

test('lines that are no headers are passed over', () => {
  assert.deepEqual(readAll([bytes('hello\n folded:x\n:x\nicy-br:128\n\n')]), {
    headers: { 'icy-br': '128' },
    rest: '',
  });
});

test('control characters are refused', () => {
  for (const text of ['icy-name:a\0\n\n', 'x\x01\n\n', 'icy-name:a\rb\n\n', 'a\x7f\n']) {
    assert.equal(readAll([bytes(text)]), 'LS_HEAD_MALFORMED', JSON.stringify(text));
  }
});

test('a block at its limits passes, above them is too large', () => {
  const filler = 'x'.repeat(limits.maxBytes - 'a:\n\n'.length);
  assert.deepEqual(readAll([bytes(`a:${filler}\n\n`)]), { headers: { a: filler }, rest: '' });
  assert.equal(readAll([bytes(`a:${filler}x\n\n`)]), 'LS_HEAD_TOO_LARGE');
  assert.equal(readAll([bytes('x'.repeat(limits.maxBytes + 1))]), 'LS_HEAD_TOO_LARGE');
  assert.deepEqual(readAll([bytes(`${'a:b\n'.repeat(limits.maxLines)}\n`)]), {
    headers: { a: 'b' },
    rest: '',
  });
  assert.equal(readAll([bytes(`${'a:b\n'.repeat(limits.maxLines + 1)}\n`)]), 'LS_HEAD_TOO_LARGE');
});

test('any split of any input gives the same result, and only our errors', () => {
  const fragment = fc.constantFrom(
    'icy-name',
    ':',
    'x',
    '\n',
    '\r\n',
    '\r',
    '\r\r\n',
    ' ',
    '\xe9',
    '\0',
    'y'.repeat(100),
  );
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 30 }), fc.integer({ min: 1, max: 9 }), (parts, size) => {
      const whole = bytes(parts.join(''));
      const chunks = [];
      for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
      assert.deepEqual(readAll(chunks), readAll([whole]));
    }),
    { numRuns: 1000 },
  );
});
