import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestHeadParser } from '@legacystream/core/protocols/request-head.ts';
import { respellHead } from './respell-head.ts';

const limits = { maxBytes: 16_384, maxLines: 128, maxTargetBytes: 8192 };

function respelled(text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  const result = new RequestHeadParser(limits).push(bytes);
  assert.ok(result.done);
  const headBytes = bytes.length - result.rest.length;
  return Buffer.from(respellHead(bytes, headBytes, result.head)).toString('latin1');
}

test('a head in order is handed on as it came, with what follows it', () => {
  const text = 'POST /a?b=%20 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n\n\xff ';
  assert.equal(respelled(text), text);
});

test('8-bit bytes and spaces of the target are percent-encoded', () => {
  assert.equal(
    respelled('GET /admin.cgi?song=K\xf6ln, raw HTTP/1.0\r\nA: \xe9\r\n\r\n'),
    'GET /admin.cgi?song=K%f6ln,%20raw HTTP/1.0\r\nA: \xe9\r\n\r\n',
  );
});

test('line ends of every kind become what the standard says; the body stays', () => {
  assert.equal(
    respelled('\r\n\nPOST /a ICE/1.0\nA: 1\r\r\nB: 2\r\n\r\r\nx\ny\r\r\n'),
    'POST /a HTTP/1.0\r\nA: 1\r\nB: 2\r\n\r\nx\ny\r\r\n',
  );
});

test('of a whole URL the path and query are left', () => {
  assert.equal(respelled('GET http://radio.example/a?b HTTP/1.1\r\n\r\n'), 'GET /a?b HTTP/1.1\r\n\r\n');
});
