import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apeTag, id3v1Tag, id3v2Tag } from '../../../../test/fixtures/audio/forge-frames.ts';
import { mayBeginTag, tagBytesAt, tagUndecided } from './tag-skipper.ts';

test('each kind of tag tells its whole length', () => {
  const tags = {
    'ID3v2 without contents': id3v2Tag(0),
    ID3v2: id3v2Tag(300),
    'ID3v2 with footer': id3v2Tag(300, true),
    ID3v1: id3v1Tag(),
    APEv2: apeTag(77),
  };
  for (const [name, tag] of Object.entries(tags)) {
    assert.equal(tagBytesAt(tag, 0, tag.length), tag.length, name);
    assert.ok(mayBeginTag(tag[0]!, true));
    assert.equal(
      tagBytesAt(Buffer.concat([Buffer.alloc(9), tag]), 9, 9 + tag.length),
      tag.length,
      `${name}, not at 0`,
    );
  }
});

test('a syncsafe length of 256 MiB is read in full', () => {
  assert.equal(tagBytesAt(id3v2Tag(0, false, 0x0fffffff), 0, 10), 0x0fffffff + 10);
});

test('of an APE tag without header its footer is left', () => {
  const footer = apeTag(77).subarray(32 + 77);
  assert.equal(tagBytesAt(footer, 0, 32), 32);
});

test('while too few bytes are there the answer is open, and never changes afterwards', () => {
  for (const tag of [id3v2Tag(50), id3v1Tag(), apeTag(10)]) {
    const answers = Array.from({ length: 40 }, (_, end) => tagBytesAt(tag, 0, end));
    const decided = answers.findIndex((answer) => answer !== tagUndecided);
    assert.ok(decided >= 3 && decided <= 32);
    assert.ok(answers.slice(decided).every((answer) => answer === tag.length));
  }
});

test('other bytes are no tag, which the first wrong one tells', () => {
  for (const text of ['x', 'IE', 'TAX', 'APEX', 'ID2']) {
    assert.equal(tagBytesAt(Buffer.from(text), 0, text.length), 0, text);
  }
  assert.equal(mayBeginTag(0xff, true), false);
});

test('ID3v1 is believed at a boundary only', () => {
  assert.equal(mayBeginTag(id3v1Tag()[0]!, false), false);
  assert.ok(mayBeginTag(id3v2Tag(0)[0]!, false));
  assert.ok(mayBeginTag(apeTag(0)[0]!, false));
});
