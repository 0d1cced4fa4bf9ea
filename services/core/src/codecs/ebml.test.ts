import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ascii, forgeElement } from '../../../../test/fixtures/audio/forge-containers.ts';
import {
  forgetEbmlSize,
  readEbmlFloat,
  readEbmlHead,
  readEbmlString,
  readEbmlUint,
  walkEbml,
} from './ebml.ts';

const head = (...bytes: number[]) => readEbmlHead(Uint8Array.from(bytes), 0, bytes.length);

test('ids of one to four bytes and sizes of one to eight are read', () => {
  assert.deepEqual(head(0xe7, 0x81), { id: 0xe7, idBytes: 1, headBytes: 2, size: 1 });
  assert.deepEqual(head(0x42, 0x86, 0x40, 0x7f), { id: 0x4286, idBytes: 2, headBytes: 4, size: 127 });
  assert.deepEqual(head(0x2a, 0xd7, 0xb1, 0x83), { id: 0x2ad7b1, idBytes: 3, headBytes: 4, size: 3 });
  assert.deepEqual(head(0x1f, 0x43, 0xb6, 0x75, 1, 0, 0, 0, 0, 0, 1, 2), {
    id: 0x1f43b675,
    idBytes: 4,
    headBytes: 12,
    size: 258,
  });
});

test('sizes of all ones are unknown, whatever their length', () => {
  for (const size of [
    [0xff],
    [0x7f, 0xff],
    [0x1f, 0xff, 0xff, 0xff],
    [1, 255, 255, 255, 255, 255, 255, 255],
  ]) {
    const found = head(0xa3, ...size);
    assert.ok(typeof found !== 'string' && found.size === Infinity);
  }
  const known = head(0xa3, 0x7f, 0xfe);
  assert.ok(typeof known !== 'string' && known.size === 0x3ffe);
});

test('what is not whole is short, what cannot be is bad', () => {
  assert.equal(head(), 'short');
  assert.equal(head(0x1f, 0x43), 'short');
  assert.equal(head(0xa3), 'short');
  assert.equal(head(0xa3, 0x40), 'short');
  assert.equal(head(0x0f, 1, 2, 3, 4), 'bad');
  assert.equal(head(0xa3, 0x00), 'bad');
});

test('a size that is forgotten keeps its length', () => {
  for (const size of [[0x85], [0x40, 5], [0x10, 0, 0, 5], [1, 0, 0, 0, 0, 0, 0, 5]]) {
    const bytes = Uint8Array.of(0x1f, 0x43, 0xb6, 0x75, ...size);
    forgetEbmlSize(bytes, 4);
    assert.deepEqual(readEbmlHead(bytes, 0, bytes.length), {
      id: 0x1f43b675,
      idBytes: 4,
      headBytes: bytes.length,
      size: Infinity,
    });
  }
});

test('walking gives each element and stops at what does not fit', () => {
  const inner = Buffer.concat([forgeElement(0xd7, Uint8Array.of(1)), forgeElement(0x86, ascii('A_OPUS'))]);
  const visited: [number, number][] = [];
  const visit = (id: number, from: number, to: number) => visited.push([id, to - from]);
  walkEbml(inner, 0, inner.length, visit);
  walkEbml(inner, 0, inner.length - 1, visit);
  walkEbml(Uint8Array.of(0xa3, 0xff, 1), 0, 3, visit);
  assert.deepEqual(visited, [
    [0xd7, 1],
    [0x86, 6],
    [0xd7, 1],
  ]);
});

test('values are read in the lengths that EBML allows', () => {
  assert.equal(readEbmlUint(Uint8Array.of(), 0, 0), 0);
  assert.equal(readEbmlUint(Uint8Array.of(1, 0, 0, 0, 0), 0, 5), 2 ** 32);
  const double = new Uint8Array(8);
  new DataView(double.buffer).setFloat64(0, 44_100);
  assert.equal(readEbmlFloat(double, 0, 8), 44_100);
  assert.equal(readEbmlFloat(Uint8Array.of(0x47, 0x3b, 0x80, 0), 0, 4), 48_000);
  assert.equal(readEbmlFloat(double, 0, 3), 0);
  assert.equal(Buffer.from(readEbmlString(ascii('ab\0c'), 0, 4)).toString(), 'ab');
});

test('garbage never throws, and no head reaches beyond what is there', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const found = readEbmlHead(bytes, 0, bytes.length);
      if (typeof found !== 'string') assert.ok(found.headBytes <= bytes.length && found.size >= 0);
      walkEbml(bytes, 0, bytes.length, (_, from, to) => assert.ok(from <= to && to <= bytes.length));
    }),
  );
});
