import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  createTagsEvent,
  encodeVorbisComment,
  maxVorbisComments,
  maxVorbisCommentValueBytes,
  parseVorbisComment,
  splitVorbisComment,
} from './vorbis-comment.ts';

const parse = (...comments: (string | Uint8Array)[]) =>
  parseVorbisComment(encodeVorbisComment('v', comments));

test('keys are put into lower case and values decoded as UTF-8', () => {
  assert.deepEqual(
    parse('TITLE=Für Elise', 'Artist=日本', 'x=a=b', 'EMPTY='),
    new Map([
      ['title', 'Für Elise'],
      ['artist', '日本'],
      ['x', 'a=b'],
      ['empty', ''],
    ]),
  );
});

test('what is not UTF-8 is read as Latin-1', () => {
  assert.equal(parse(Buffer.from('TITLE=caf\xe9', 'latin1'))?.get('title'), 'café');
});

test('the first of repeated keys stands; pictures and malformed keys are left out', () => {
  const all = parse(
    'title=a',
    'TITLE=b',
    'METADATA_BLOCK_PICTURE=AAAA',
    'no separator',
    '=nothing',
    'k\u0001=v',
  );
  assert.deepEqual(all, new Map([['title', 'a']]));
});

test('long values are cut at a whole character', () => {
  for (const lead of ['', 'x', 'xx', 'xxx']) {
    const value = parse(`t=${lead}${'\u{1f3b5}'.repeat(400)}`)?.get('t') ?? '';
    assert.ok(Buffer.byteLength(value) <= maxVorbisCommentValueBytes);
    assert.ok(Buffer.byteLength(value) > maxVorbisCommentValueBytes - 4);
    assert.match(value, /^x*(\u{1f3b5})+$/u);
  }
});

test('no more than 64 entries are kept', () => {
  const comments = Array.from({ length: 500 }, (_, index) => `k${index}=v`);
  assert.equal(parse(...comments)?.size, maxVorbisComments);
});

test('a header that is cut off gives what stands before the cut', () => {
  const bytes = encodeVorbisComment('vendor', ['title=a', 'artist=b']);
  assert.equal(parseVorbisComment(bytes.subarray(0, 8)), undefined);
  assert.deepEqual(parseVorbisComment(bytes.subarray(0, 12)), new Map());
  assert.deepEqual(parseVorbisComment(bytes.subarray(0, -1)), new Map([['title', 'a']]));
});

test('a count that nothing stands behind is not believed', () => {
  const bytes = encodeVorbisComment('', ['a=b']);
  bytes.fill(0xff, 4, 8);
  assert.equal(splitVorbisComment(bytes)?.comments.length, 1);
});

test('what is encoded splits into the same pieces', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.array(fc.uint8Array()), (vendor, comments) => {
      const split = splitVorbisComment(new Uint8Array(encodeVorbisComment(vendor, comments)));
      assert.deepEqual(split, { vendor, comments });
    }),
  );
});

test('garbage never throws and stays within the bounds', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      for (const [key, value] of parseVorbisComment(bytes) ?? []) {
        assert.ok(key.length <= 64 && value.length <= maxVorbisCommentValueBytes);
      }
    }),
  );
});

test('tags without title and artist do not name them', () => {
  assert.deepEqual(Object.keys(createTagsEvent(new Map([['album', 'x']]))), ['type', 'all']);
  assert.equal(createTagsEvent(new Map([['title', 'x']])).title, 'x');
});
