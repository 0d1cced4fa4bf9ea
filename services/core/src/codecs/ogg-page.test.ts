import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readAudioFixture } from '../../../../test/fixtures/audio/replay-splitter.ts';
import {
  computeOggCrc,
  encodeOggPage,
  maxOggPageBytes,
  measureOggPage,
  oggFlags,
  parseOggPage,
} from './ogg-page.ts';

/** The definition of the checksum, bit by bit. */
function referenceCrc(bytes: Uint8Array): number {
  let crc = 0;
  for (const [index, byte] of bytes.entries()) {
    crc ^= (index >= 22 && index < 26 ? 0 : byte) << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}

const pages = fc
  .record({
    flags: fc.nat(7),
    granule: fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }),
    serial: fc.nat(0xffffffff),
    sequence: fc.nat(0xffffffff),
    lacing: fc.uint8Array({ maxLength: 255 }),
  })
  .map((page) => {
    const length = page.lacing.reduce((sum, value) => sum + value, 0);
    return { ...page, body: Uint8Array.from({ length }, (_, index) => index * 31) };
  });

test('a page that is written reads back as it was', () => {
  fc.assert(
    fc.property(pages, fc.uint8Array({ maxLength: 20 }), (page, before) => {
      const bytes = encodeOggPage(page);
      assert.equal(bytes.length, 27 + page.lacing.length + page.body.length);
      assert.deepEqual(parseOggPage(Buffer.concat([before, bytes]), before.length), {
        ...page,
        lacing: Buffer.from(page.lacing),
        body: Buffer.from(page.body),
      });
    }),
    { numRuns: 50 },
  );
});

test('the checksum is the one that the definition gives, for every length', () => {
  for (let length = 0; length < 40; length++) {
    const bytes = encodeOggPage({
      flags: 0,
      granule: 5n,
      serial: 0xdeadbeef,
      sequence: 7,
      lacing: Uint8Array.of(length),
      body: new Uint8Array(length).fill(length + 1),
    });
    assert.equal(computeOggCrc(bytes, 0, bytes.length), referenceCrc(bytes));
  }
});

test('a change of any byte is noticed', () => {
  const bytes = readAudioFixture('vorbis.ogg').slice(0, 58);
  assert.notEqual(parseOggPage(bytes), undefined);
  for (let at = 0; at < bytes.length; at++) {
    const damaged = bytes.slice();
    damaged[at] = damaged[at]! ^ 0x40;
    assert.equal(parseOggPage(damaged), undefined, `byte ${at}`);
  }
});

test('all pages of a real file follow each other and agree with their checksums', () => {
  const file = readAudioFixture('opus.ogg');
  let count = 0;
  let flags = 0;
  for (let at = 0; at < file.length; count++) {
    const page = parseOggPage(file, at);
    assert.ok(page, `page at ${at}`);
    assert.equal(page.sequence, count);
    flags |= page.flags;
    at += 27 + page.lacing.length + page.body.length;
  }
  assert.equal(count, 43);
  assert.equal(flags, oggFlags.firstPage | oggFlags.lastPage);
});

test('the length of a page is told as soon as its lacing is there', () => {
  const lacing = new Uint8Array(255).fill(255);
  const page = { flags: 0, granule: -1n, serial: 1, sequence: 0, lacing, body: new Uint8Array(255 * 255) };
  const bytes = encodeOggPage(page);
  assert.equal(bytes.length, maxOggPageBytes);
  assert.equal(measureOggPage(bytes, 0, 3), -27);
  assert.equal(measureOggPage(bytes, 0, 27), -282);
  assert.equal(measureOggPage(bytes, 0, 282), maxOggPageBytes);
  assert.equal(measureOggPage(bytes, 1, 300), 0);
  assert.equal(parseOggPage(bytes.subarray(0, -1)), undefined);
});
