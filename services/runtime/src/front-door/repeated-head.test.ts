import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestHeadParser } from '@legacystream/core/protocols/request-head.ts';
import fc from 'fast-check';
import { RepeatedHead } from './repeated-head.ts';

const limits = { maxBytes: 16_384, maxLines: 128, maxTargetBytes: 8_192 };
const block = 'Host: x\r\nUser-Agent: player/1.0\r\nAccept: */*\r\n\r\n';

function parse(bytes: Uint8Array) {
  const result = new RequestHeadParser(limits).push(bytes);
  assert.ok(result.done);
  return result;
}

function primed(first = `GET /a HTTP/1.1\r\n${block}`): RepeatedHead {
  const repeated = new RepeatedHead(limits);
  const bytes = Buffer.from(first, 'latin1');
  repeated.remember(bytes, parse(bytes).head);
  return repeated;
}

test('a head that differs in its first line only is read as the full parser reads it', () => {
  const repeated = primed();
  for (const line of ['GET /b?x=1 HTTP/1.1\r\n', 'HEAD /\xe9 HTTP/1.0\r\n', 'GET /c HTTP/1.1\n']) {
    const bytes = Buffer.from(`${line}${block}rest`, 'latin1');
    const found = repeated.read(bytes);
    const full = parse(bytes);
    assert.deepEqual(found?.head, full.head, line);
    assert.equal(found?.headBytes, bytes.byteLength - full.rest.byteLength);
  }
});

test('any other head, and one that is not whole, is left to the full parser', () => {
  const repeated = primed();
  for (const text of [
    '',
    '\r\n',
    'GET /b HTTP/1.1\r\n',
    `GET /b HTTP/1.1\r\n${block.slice(0, -1)}`,
    `GET /b HTTP/1.1\r\nRange: bytes=0-\r\n${block}`,
    `GET /b HTTP/1.1\r\n${block.replace('1.0', '1.1')}`,
    `\r\nGET /b HTTP/1.1\r\n${block}`,
  ]) {
    assert.equal(repeated.read(Buffer.from(text, 'latin1')), undefined, text);
  }
  assert.equal(new RepeatedHead(limits).read(Buffer.from(`GET / HTTP/1.1\r\n${block}`)), undefined);
});

test('a malformed first line is refused as ever', () => {
  const repeated = primed();
  for (const line of [
    'GET\r\n',
    'G ET /b HTTP/9\r\n',
    `GET /${'x'.repeat(9_000)} HTTP/1.1\r\n`,
    'GET b HTTP/1.1\r\n',
  ]) {
    assert.throws(() => repeated.read(Buffer.from(line + block, 'latin1')), line);
  }
});

test('whatever comes, it never reads what the full parser reads differently', () => {
  const repeated = primed();
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.boolean(), (line, keepsBlock) => {
      const bytes = Buffer.from(`${line}\r\n${keepsBlock ? block : block.toUpperCase()}`, 'latin1');
      let found: ReturnType<RepeatedHead['read']>;
      try {
        found = repeated.read(bytes);
      } catch {
        assert.throws(() => new RequestHeadParser(limits).push(bytes));
        return;
      }
      if (found) assert.deepEqual(found.head, parse(bytes).head);
    }),
    { numRuns: 2_000 },
  );
});
