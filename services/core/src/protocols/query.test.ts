import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { maxQueryParameters, parseQuery, percentDecode, splitTarget, textOf } from './query.ts';

const entries = (query: string | Uint8Array) =>
  [...parseQuery(query)].map(([name, value]) => [name, textOf(value)]);
const hexOf = (value: Uint8Array | undefined) => Buffer.from(value ?? []).toString('hex');

test('values are percent-decoded bytes in which a plus is a space', () => {
  assert.deepEqual(entries('mode=updinfo&song=A+%2B%20B%26C'), [
    ['mode', 'updinfo'],
    ['song', 'A + B&C'],
  ]);
  assert.equal(hexOf(parseQuery('song=%cf%F0\xe8').get('song')), 'cff0e8');
});

test('a percent sign that encodes nothing is itself', () => {
  assert.deepEqual(entries('a=100%&b=%4&c=%zz%41&d=%%41'), [
    ['a', '100%'],
    ['b', '%4'],
    ['c', '%zzA'],
    ['d', '%A'],
  ]);
});

test('a pair splits at its first equals sign only', () => {
  assert.deepEqual(entries("song=a';StreamUrl='x&pass=p=q"), [
    ['song', "a';StreamUrl='x"],
    ['pass', 'p=q'],
  ]);
});

test('the first of a repeated name wins; empty values count, nameless ones do not', () => {
  assert.deepEqual(entries('song=&a&song=x&=y&&%61=z'), [
    ['song', ''],
    ['a', ''],
  ]);
});

test('names may be encoded and are text', () => {
  assert.deepEqual(entries('%73ong=x&__proto__=y'), [
    ['song', 'x'],
    ['__proto__', 'y'],
  ]);
});

test('the bytes of a form are read like a query', () => {
  assert.deepEqual(entries(Buffer.from('song=caf\u00e9&mount=%2fg%2emp3')), [
    ['song', 'café'],
    ['mount', '/g.mp3'],
  ]);
});

test('text beyond Latin-1 is taken as UTF-8', () => {
  assert.deepEqual(entries('song=日本'), [['song', '日本']]);
});

test('parameters after the sixty-fourth are left out', () => {
  const query = Array.from({ length: 1000 }, (_, i) => `p${i}=${i}`).join('&');
  assert.equal(parseQuery(query).size, maxQueryParameters);
  assert.equal(parseQuery(query).get('p64'), undefined);
});

test('text is UTF-8 if valid, else Latin-1', () => {
  assert.equal(textOf(Buffer.from('é')), 'é');
  assert.equal(textOf(Buffer.from('\xe9', 'latin1')), 'é');
});

test('a target splits at its first question mark, with its 8-bit path bytes encoded', () => {
  assert.deepEqual(splitTarget('/a?b?c'), { rawPath: '/a', rawQuery: 'b?c' });
  assert.deepEqual(splitTarget('/a'), { rawPath: '/a', rawQuery: '' });
  assert.deepEqual(splitTarget('/caf\xc3\xa9%41?\xe9'), { rawPath: '/caf%c3%a9%41', rawQuery: '\xe9' });
});

test('decoding undoes encoding for any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const encoded = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
      assert.deepEqual(Buffer.from(percentDecode(Buffer.from(encoded))), Buffer.from(bytes));
      assert.deepEqual(Buffer.from(parseQuery(`v=${encoded}`).get('v') ?? []), Buffer.from(bytes));
    }),
  );
});

test('any bytes are a query', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const parameters = parseQuery(bytes);
      assert.ok([...parameters.values()].reduce((sum, value) => sum + value.length, 0) <= bytes.length);
    }),
  );
});
