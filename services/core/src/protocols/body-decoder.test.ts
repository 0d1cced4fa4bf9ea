import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bodyFramingOf, createBodyDecoder, EndlessDecoder, hasBody, LengthDecoder } from './body-decoder.ts';
import { ChunkedDecoder } from './chunked-decoder.ts';
import type { RequestHead } from './request-head.ts';

function head(method: string, headers: Record<string, string>, target = '/live.mp3'): RequestHead {
  return { method, target, protocol: 'HTTP/1.1', headers: new Map(Object.entries(headers)) };
}

test('a body is chunked if and only if the request says so', () => {
  assert.equal(bodyFramingOf(head('PUT', { 'transfer-encoding': 'Chunked' })), 'chunked');
  assert.equal(bodyFramingOf(head('POST', { 'transfer-encoding': 'chunked' })), 'chunked');
  assert.equal(bodyFramingOf(head('PUT', { 'transfer-encoding': 'identity' })), 'endless');
});

test('a source without a length, or with none that counts, runs until it closes', () => {
  assert.equal(bodyFramingOf(head('PUT', {})), 'endless');
  assert.equal(bodyFramingOf(head('SOURCE', { 'content-length': '0' })), 'endless');
  assert.equal(bodyFramingOf(head('POST', { 'content-type': 'audio/mpeg' })), 'endless');
});

test('a length that is given counts', () => {
  assert.deepEqual(bodyFramingOf(head('PUT', { 'content-length': '12' })), { length: 12 });
  assert.deepEqual(bodyFramingOf(head('POST', { 'content-length': '7' }, '/admin/metadata')), { length: 7 });
});

test('other requests without a length have no body', () => {
  assert.deepEqual(bodyFramingOf(head('GET', {})), { length: 0 });
  assert.deepEqual(bodyFramingOf(head('POST', {}, '/admin/metadata')), { length: 0 });
  assert.deepEqual(bodyFramingOf(head('PUT', {}, '/api/v1/settings')), { length: 0 });
});

test('other transfer codings are refused as not implemented', () => {
  for (const coding of ['gzip', 'gzip, chunked', 'chunked, chunked', 'chunked;q=1', '']) {
    assert.throws(() => bodyFramingOf(head('PUT', { 'transfer-encoding': coding })), {
      code: 'LS_TRANSFER_CODING',
      status: 501,
    });
  }
});

test('a length that is no number is malformed', () => {
  for (const length of ['', 'x', '-1', '1e3', '9'.repeat(16)]) {
    assert.throws(() => bodyFramingOf(head('PUT', { 'content-length': length })), {
      code: 'LS_HEAD_MALFORMED',
    });
  }
});

test('each framing has its decoder', () => {
  assert.ok(createBodyDecoder('chunked') instanceof ChunkedDecoder);
  assert.ok(createBodyDecoder('endless') instanceof EndlessDecoder);
  assert.ok(createBodyDecoder({ length: 0 }).done);
});

test('a body of known length ends there, however it is split', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 50 }),
      fc.nat(60),
      fc.integer({ min: 1, max: 9 }),
      (input, length, size) => {
        const decoder = new LengthDecoder(length);
        const body: Uint8Array[] = [];
        let rest: Uint8Array = new Uint8Array(0);
        for (let at = 0; at < input.length; at += size) {
          const wasDone = decoder.done;
          body.push(...decoder.push(input.subarray(at, at + size)));
          if (!wasDone && decoder.done) rest = decoder.rest;
          else if (wasDone) rest = Buffer.concat([rest, input.subarray(at, at + size)]);
        }
        assert.deepEqual(Buffer.concat(body), Buffer.from(input.subarray(0, length)));
        assert.deepEqual(Buffer.from(rest), Buffer.from(input.subarray(length)));
        assert.equal(decoder.done, input.length >= length);
      },
    ),
  );
});

test('an endless body hands everything on and never ends', () => {
  const decoder = new EndlessDecoder();
  const chunk = Buffer.from('abc');
  assert.deepEqual(decoder.push(chunk), [chunk]);
  assert.deepEqual(decoder.push(new Uint8Array(0)), []);
  assert.equal(decoder.done, false);
});

test('a request has a body if it says a length or a coding, and none if the length is zero', () => {
  const has = (headers: Record<string, string>) => hasBody(new Map(Object.entries(headers)));
  assert.equal(has({}), false);
  assert.equal(has({ 'content-length': '0' }), false);
  assert.equal(has({ 'content-length': '00' }), false);
  assert.equal(has({ 'content-length': '10' }), true);
  assert.equal(has({ 'content-length': 'x' }), true);
  assert.equal(has({ 'transfer-encoding': 'chunked' }), true);
});
