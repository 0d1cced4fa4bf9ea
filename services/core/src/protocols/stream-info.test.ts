import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { streamInfoOf, wireText } from './stream-info.ts';

const infoOf = (headers: Record<string, string>) => streamInfoOf(new Map(Object.entries(headers)));

test('the headers of an Icecast source are read', () => {
  assert.deepEqual(
    infoOf({
      'ice-name': 'Radio One',
      'ice-genre': 'Jazz',
      'ice-url': 'https://example.org/',
      'ice-description': 'All day',
      'ice-public': '1',
      'ice-bitrate': '192',
      'ice-audio-info': 'samplerate=44100;channels=2;quality=3%2e00',
    }),
    {
      name: 'Radio One',
      genre: 'Jazz',
      url: 'https://example.org/',
      description: 'All day',
      public: true,
      bitrateKbps: 192,
      audioInfo: 'samplerate=44100;channels=2;quality=3.00',
      sampleRateHz: 44_100,
      channels: 2,
    },
  );
});

test('the headers of a SHOUTcast v1 source are read', () => {
  assert.deepEqual(
    infoOf({ 'icy-name': 'Two', 'icy-pub': '0', 'icy-br': '128', 'icy-irc': '#x', 'icy-url': 'example.org' }),
    {
      name: 'Two',
      public: false,
      bitrateKbps: 128,
      url: 'example.org',
    },
  );
});

test('audio info may spell its keys either way and give the bit rate', () => {
  assert.deepEqual(infoOf({ 'ice-audio-info': 'ice-bitrate=128;ice-channels=2;ice-samplerate=44100' }), {
    bitrateKbps: 128,
    audioInfo: 'ice-bitrate=128;ice-channels=2;ice-samplerate=44100',
    sampleRateHz: 44_100,
    channels: 2,
  });
});

test('numbers that say nothing or cannot be are absent', () => {
  assert.deepEqual(infoOf({ 'ice-bitrate': '0', 'icy-br': '99999999999999', 'icy-pub': 'maybe' }), {});
  assert.deepEqual(infoOf({ 'ice-audio-info': 'samplerate=0;channels=-2;bitrate=x' }), {
    audioInfo: 'samplerate=0;channels=-2;bitrate=x',
  });
  for (const bitrate of ['', 'x', '-5', '50001'])
    assert.deepEqual(infoOf({ 'ice-bitrate': bitrate }), {}, bitrate);
  assert.equal(infoOf({ 'ice-bitrate': '128.0' }).bitrateKbps, 128);
});

test('texts are read as UTF-8 where they were, else as Latin-1', () => {
  assert.equal(infoOf({ 'ice-name': 'caf\xc3\xa9' }).name, 'café');
  assert.equal(infoOf({ 'ice-name': 'caf\xe9' }).name, 'café');
});

test('texts have at most 1 KiB, cut between characters', () => {
  const name = infoOf({ 'ice-name': '\xe2\x82\xac'.repeat(1000) }).name ?? '';
  assert.equal(name, '€'.repeat(341));
});

test('an empty text gives way to the other spelling', () => {
  assert.equal(infoOf({ 'ice-name': ' ', 'icy-name': 'One' }).name, 'One');
});

test('links that run or embed something are dropped', () => {
  for (const url of [
    'javascript:alert(1)',
    'JavaScript:x',
    'data:text/html,x',
    ' vbscript:x',
    'java\x01script:x',
  ]) {
    assert.equal(infoOf({ 'ice-url': url }).url, undefined, url);
  }
  for (const url of ['http://a/', 'www.example.org', 'example.org:8000/x'])
    assert.equal(infoOf({ 'icy-url': url }).url, url);
});

test('audio info with very many pairs is read in part', () => {
  assert.equal(infoOf({ 'ice-audio-info': `${'a=b;'.repeat(1000)}channels=2` }).channels, undefined);
});

test('percent-encoded control characters do not come through', () => {
  assert.equal(infoOf({ 'ice-audio-info': 'a=%0d%0aSet-Cookie:%00x' }).audioInfo, 'a= Set-Cookie:x');
});

test('any headers give clean texts and bounded numbers', () => {
  const names = ['ice-name', 'icy-url', 'ice-public', 'ice-bitrate', 'ice-audio-info', 'icy-genre'];
  const value = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  const pairs = fc
    .array(fc.constantFrom('samplerate=', 'ice-channels=', ';', '%', '%0a', '9', '44100', '='))
    .map((p) => p.join(''));
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), fc.oneof(value, pairs)), (headers) => {
      for (const field of Object.values(infoOf(headers))) {
        if (typeof field === 'string') assert.match(field, /^[^\p{Cc}]+$/u);
        else if (typeof field === 'number')
          assert.ok(Number.isInteger(field) && field > 0 && field <= 768_000);
        else assert.equal(typeof field, 'boolean');
      }
    }),
    { numRuns: 500 },
  );
});

test('a value of a head becomes one line within its limit', () => {
  assert.equal(wireText('a\tb\x1b', 10), 'a b');
  assert.equal(wireText('caf\xc3\xa9s', 4), 'caf');
});
