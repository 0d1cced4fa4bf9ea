import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  contentTypeOfResource,
  initName,
  parseResourceName,
  partName,
  segmentName,
} from './resource-name.ts';

const epochs = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const msns = fc.nat(Number.MAX_SAFE_INTEGER);
const parts = fc.nat(9_999);
const extensions = fc.constantFrom('mp3', 'aac', 'm4s');

test('names tell what they were made of', () => {
  fc.assert(
    fc.property(epochs, msns, parts, extensions, (epoch, msn, part, extension) => {
      assert.deepEqual(parseResourceName(segmentName(epoch, msn, extension)), {
        kind: 'segment',
        epoch,
        msn,
      });
      assert.deepEqual(parseResourceName(partName(epoch, msn, part, extension)), {
        kind: 'part',
        epoch,
        msn,
        part,
      });
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array(), (data) => {
      const name = initName(data);
      assert.deepEqual(parseResourceName(name), { kind: 'init' });
      assert.match(name, /^init-[0-9a-f]{16}\.mp4$/);
    }),
  );
});

test('an initialization section has the name of its bytes', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (data, at, flip) => {
        const other = data.slice();
        other[at % data.length]! ^= flip;
        assert.equal(initName(data), initName(data.slice()));
        assert.notEqual(initName(data), initName(other));
      },
    ),
  );
});

test('whatever is understood is written back as it was', () => {
  const near = fc
    .tuple(
      epochs,
      msns,
      parts,
      extensions,
      fc.nat(40),
      fc.constantFrom('', '0', '.', '-', 'A', '/', '\n', '%00', ' '),
    )
    .map(([epoch, msn, part, extension, at, put]) => {
      const name = partName(epoch, msn, part, extension);
      return name.slice(0, at % name.length) + put + name.slice((at % name.length) + (put === '' ? 1 : 0));
    });
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), (name) => {
      const found = parseResourceName(name);
      if (!found || found.kind === 'init') return;
      const extension = name.slice(name.lastIndexOf('.') + 1);
      const again =
        found.kind === 'segment'
          ? segmentName(found.epoch, found.msn, extension)
          : partName(found.epoch, found.msn, found.part, extension);
      assert.equal(again, name);
    }),
    { numRuns: 1000 },
  );
});

test('names that nobody makes are none', () => {
  const names = [
    '',
    '.m4s',
    '1-1',
    '1-1.ts',
    '1-1.m4s ',
    '1-1.m4s\n',
    '0-1.m4s',
    '01-1.m4s',
    '1-01.m4s',
    '1-1.01.m4s',
    '1-1.10000.m4s',
    '1--1.m4s',
    'A-1.m4s',
    '1-1.1.1.m4s',
    '1-9007199254740992.m4s',
    'zzzzzzzzzzz-1.m4s',
    '2gosa7pa2gw-1.m4s',
    '../1-1.m4s',
    '1-1.m4s/../x',
    'init-.mp4',
    'init-0123456789ABCDEF.mp4',
    'init-0123456789abcde.mp4',
    'init-0123456789abcdef0.mp4',
    'init-0123456789abcdef.m4s',
  ];
  for (const name of names) assert.equal(parseResourceName(name), undefined, JSON.stringify(name));
});

test('every kind has the media type that players expect', () => {
  assert.equal(contentTypeOfResource('1-1.mp3'), 'audio/mpeg');
  assert.equal(contentTypeOfResource('1-1.aac'), 'audio/aac');
  for (const name of ['1-1.m4s', '1-1.0.m4s', 'init-0123456789abcdef.mp4'])
    assert.equal(contentTypeOfResource(name), 'audio/mp4');
});
