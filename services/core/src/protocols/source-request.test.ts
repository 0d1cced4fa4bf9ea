import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestHead } from './request-head.ts';
import {
  isSourceRequest,
  isUnauthenticatedProbe,
  mediaTypeOf,
  parseSourceRequest,
} from './source-request.ts';

function head(method: string, target: string, headers: Record<string, string> = {}): RequestHead {
  return { method, target, protocol: 'HTTP/1.1', headers: new Map(Object.entries(headers)) };
}

test('SOURCE and PUT to a path of a mount are sources', () => {
  assert.ok(isSourceRequest(head('SOURCE', '/live.mp3')));
  assert.ok(isSourceRequest(head('PUT', '/club/main.ogg?x=1')));
});

test('PUT to a path of the server is no source, however it is spelt', () => {
  for (const target of ['/admin/x', '/%61dmin/x', '/api/v1/mounts', '/%61pi', '/', '/status-json.xsl?a']) {
    assert.equal(isSourceRequest(head('PUT', target)), false, target);
  }
});

test('POST of a media type to a path of a mount is a source, of anything else not', () => {
  for (const type of [
    'audio/mpeg',
    'Audio/Ogg; codecs=opus',
    'application/ogg',
    'application/x-ogg',
    'video/webm',
  ]) {
    assert.ok(isSourceRequest(head('POST', '/live', { 'content-type': type })), type);
  }
  assert.equal(
    isSourceRequest(head('POST', '/live', { 'content-type': 'application/x-www-form-urlencoded' })),
    false,
  );
  assert.equal(isSourceRequest(head('POST', '/live')), false);
  assert.equal(isSourceRequest(head('POST', '/admin/metadata', { 'content-type': 'audio/mpeg' })), false);
});

test('requests of listeners and tools are no sources', () => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'source', 'put']) {
    assert.equal(parseSourceRequest(head(method, '/live')), undefined, method);
  }
});

test('a source request is read with all that it says', () => {
  const request = parseSourceRequest(
    head('PUT', '/caf\xc3\xa9?x=1', {
      'content-type': 'Audio/MPEG; rate=44100',
      'user-agent': ' butt\t0.1\x1b37',
      expect: '100-Continue',
      'ice-name': 'One',
    }),
  );
  assert.deepEqual(request, {
    method: 'PUT',
    rawPath: '/caf%c3%a9',
    contentType: 'audio/mpeg',
    userAgent: 'butt 0.137',
    expectsContinue: true,
    info: { name: 'One' },
  });
});

test('what a source does not say is absent', () => {
  assert.deepEqual(parseSourceRequest(head('SOURCE', '/a')), {
    method: 'SOURCE',
    rawPath: '/a',
    userAgent: '',
    expectsContinue: false,
    info: {},
  });
});

test('a long user agent is cut', () => {
  const request = parseSourceRequest(head('SOURCE', '/a', { 'user-agent': 'x'.repeat(5000) }));
  assert.equal(request?.userAgent.length, 256);
});

test('a content type that makes no sense is none', () => {
  for (const type of [
    '',
    'audio',
    'audio/',
    '/mpeg',
    'audio/mp eg',
    'audio/<b>',
    `audio/${'x'.repeat(200)}`,
  ]) {
    assert.equal(mediaTypeOf(new Map([['content-type', type]])), undefined, type);
  }
});

test('a probe has an empty body and no credentials', () => {
  assert.ok(isUnauthenticatedProbe(head('PUT', '/a', { 'content-length': '0' })));
  assert.equal(
    isUnauthenticatedProbe(head('PUT', '/a', { 'content-length': '0', authorization: 'Basic x' })),
    false,
  );
  assert.equal(isUnauthenticatedProbe(head('PUT', '/a', { 'content-length': '10' })), false);
  assert.equal(isUnauthenticatedProbe(head('PUT', '/a')), false);
});
