import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Id3Frame, id3Tag, id3TagLimitBytes, titleFrames } from './id3-tag.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function syncsafe(tag: Buffer, at: number): number {
  let value = 0;
  for (const byte of tag.subarray(at, at + 4)) {
    assert.ok(byte < 0x80);
    value = value * 128 + byte;
  }
  return value;
}

/** The frames of a tag; everything in it must add up. */
function parseTag(bytes: Uint8Array): { id: string; body: Buffer }[] {
  const tag = Buffer.from(bytes);
  assert.equal(hex(tag.subarray(0, 6)), '494433040000');
  assert.equal(syncsafe(tag, 6), tag.length - 10);
  const frames: { id: string; body: Buffer }[] = [];
  let at = 10;
  while (at < tag.length) {
    const size = syncsafe(tag, at + 4);
    assert.equal(tag.readUInt16BE(at + 8), 0);
    frames.push({ id: tag.toString('latin1', at, at + 4), body: tag.subarray(at + 10, at + 10 + size) });
    at += 10 + size;
  }
  assert.equal(at, tag.length);
  return frames;
}

/** The text of a frame, which must be UTF-8 and end with a NUL. */
function textOf(body: Buffer, from = 1): string {
  assert.equal(body[0], 3);
  assert.equal(body.at(-1), 0);
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body.subarray(from, -1));
}

test('title, artist and a user text are written byte for byte as the reference has them', () => {
  const tag = id3Tag([
    { id: 'TIT2', text: 'T1' },
    { id: 'TPE1', text: 'A1' },
    { id: 'TXXX', description: 'station', text: 'X' },
  ]);
  assert.equal(
    hex(tag),
    '49443304000000000031544954320000000400000354310054504531000000040000' +
      '03413100545858580000000b00000373746174696f6e005800',
  );
});

test('text is UTF-8 and its size counts bytes', () => {
  const [frame] = parseTag(id3Tag([{ id: 'TIT2', text: 'é日😀' }]));
  assert.equal(frame!.body.toString('hex'), '03c3a9e697a5f09f988000');
});

test('sizes beyond 127 are syncsafe', () => {
  const tag = Buffer.from(id3Tag([{ id: 'TIT2', text: 'x'.repeat(300) }]));
  assert.equal(hex(tag.subarray(6, 10)), '00000238');
  assert.equal(hex(tag.subarray(14, 18)), '0000022e');
});

test('control characters and line separators become spaces', () => {
  const [frame] = parseTag(id3Tag([{ id: 'TPE1', text: 'a\0b\r\nc\u007fd\u0085e\u2028f\tg' }]));
  assert.equal(textOf(frame!.body), 'a b  c d e f g');
});

test('a text of one surrogate becomes a replacement character', () => {
  const [frame] = parseTag(id3Tag([{ id: 'TIT2', text: 'a\ud83d' }]));
  assert.equal(textOf(frame!.body), 'a\ufffd');
});

test('long texts are cut between characters so that the tag stays below 4 KiB', () => {
  for (const unit of ['x', 'é', '日', '😀']) {
    const tag = id3Tag(titleFrames({ title: unit.repeat(5000), artist: 'short', url: unit.repeat(5000) }));
    assert.ok(tag.length < id3TagLimitBytes && tag.length > id3TagLimitBytes - 8, `${tag.length}`);
    const [title, artist, url] = parseTag(tag);
    assert.equal(textOf(title!.body).replaceAll(unit, ''), '');
    assert.equal(textOf(artist!.body), 'short');
    assert.equal(textOf(url!.body, 5).replaceAll(unit, ''), '');
    assert.ok(title!.body.length > 1300, 'a third for the title');
    assert.ok(url!.body.length > 2600, 'what the artist left goes to the address');
  }
});

test('a tag of one text is filled to the last byte', () => {
  assert.equal(id3Tag([{ id: 'TIT2', text: 'x'.repeat(9000) }]).length, 4095);
  assert.equal(id3Tag([{ id: 'TIT2', text: 'x'.repeat(4073) }]).length, 4095);
  assert.equal(id3Tag([{ id: 'TIT2', text: 'x'.repeat(4072) }]).length, 4094);
});

test('frames that cannot fit are refused', () => {
  const data = (length: number): Id3Frame[] => [{ id: 'PRIV', owner: 'x', data: new Uint8Array(length) }];
  assert.equal(id3Tag(data(4073)).length, 4095);
  assert.throws(() => id3Tag(data(4074)), RangeError);
});

test('empty fields of a title are left out, but an empty title remains a title', () => {
  const ids = (title: string, artist: string, url: string) =>
    titleFrames({ title, artist, url }).map(({ id }) => id);
  assert.deepEqual(ids('t', 'a', 'u'), ['TIT2', 'TPE1', 'TXXX']);
  assert.deepEqual(ids('t', '', ''), ['TIT2']);
  assert.deepEqual(ids('', 'a', ''), ['TPE1']);
  assert.deepEqual(ids('', '', 'u'), ['TXXX']);
  assert.deepEqual(titleFrames({ title: '', artist: '', url: '' }), [{ id: 'TIT2', text: '' }]);
});

test('any texts give a tag that reads back as their beginnings', () => {
  const text = fc
    .tuple(fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom(1, 1, 30, 300))
    .map(([unit, count]) => unit.repeat(count));
  fc.assert(
    fc.property(text, text, text, (title, artist, url) => {
      const tag = id3Tag([
        { id: 'PRIV', owner: 'owner', data: Uint8Array.of(1, 0, 255) },
        { id: 'TIT2', text: title },
        { id: 'TPE1', text: artist },
        { id: 'TXXX', description: 'url', text: url },
      ]);
      assert.ok(tag.length < id3TagLimitBytes);
      const [priv, ...texts] = parseTag(tag);
      assert.equal(priv!.body.toString('latin1'), 'owner\0\x01\0\xff');
      [title, artist, url].forEach((whole, index) => {
        const read = textOf(texts[index]!.body, index === 2 ? 5 : 1);
        assert.doesNotMatch(read, /[\p{Cc}\p{Zl}\p{Zp}]/u);
        assert.ok(
          whole
            .toWellFormed()
            .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ')
            .startsWith(read),
        );
      });
    }),
    { endOnFailure: true },
  );
});
