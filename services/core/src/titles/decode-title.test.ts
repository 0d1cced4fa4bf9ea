import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeTitle, joinTitle, maxTitleCodePoints, splitTitle } from './decode-title.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const utf8 = (text: string) => Buffer.from(text, 'utf8');

test('valid UTF-8 wins over any charset that is named', () => {
  assert.equal(decodeTitle(utf8('日本 – café')), '日本 – café');
  assert.equal(decodeTitle(utf8('café'), 'ISO-8859-1', 'windows-1251'), 'café');
});

test('bytes that are not UTF-8 are taken for the charset of the request', () => {
  assert.equal(decodeTitle(latin1('\xcf\xf0\xe8\xe2\xe5\xf2'), 'windows-1251'), 'Привет');
  assert.equal(decodeTitle(latin1('\x93\xfa\x96\x7b'), 'Shift_JIS', 'windows-1251'), '日本');
});

test('without a charset in the request that of the mount is taken', () => {
  assert.equal(decodeTitle(latin1('\xf0\xd2\xc9\xd7\xc5\xd4'), undefined, 'KOI8-R'), 'Привет');
  assert.equal(decodeTitle(latin1('\xf0\xd2\xc9\xd7\xc5\xd4'), '', 'KOI8-R'), 'Привет');
});

test('a charset that the bytes are not valid in is passed over', () => {
  assert.equal(decodeTitle(latin1('caf\xe9'), 'UTF-8'), 'café');
  assert.equal(decodeTitle(latin1('caf\xe9'), 'UTF-8', 'windows-1251'), 'cafй');
});

test('the last resort is Latin-1 in its windows-1252 form', () => {
  assert.equal(decodeTitle(latin1('It\x92s caf\xe9 \x80')), 'It’s café €');
});

test('unknown, empty and overlong charset labels are ignored', () => {
  for (const label of ['no-such-charset', '', 'x'.repeat(100_000), 'utf-8\0', '\r\n']) {
    assert.equal(decodeTitle(latin1('caf\xe9'), label, label), 'café');
  }
});

test('UTF-16 and ISO-2022-JP are believed where a NUL or an escape bears them out', () => {
  assert.equal(decodeTitle(Buffer.from('Caf\u00e9', 'utf16le'), 'UTF-16LE'), 'Café');
  assert.equal(decodeTitle(latin1('\x1b$BF|K\\\x1b(B'), 'ISO-2022-JP'), '日本');
  assert.equal(decodeTitle(utf8('plain'), 'UTF-16LE'), 'plain');
});

test('a byte order mark is no part of the title', () => {
  assert.equal(decodeTitle(utf8('\ufeffSong')), 'Song');
});

test('a title is one trimmed line without control characters', () => {
  assert.equal(decodeTitle(utf8('  a\r\nb\tc\0\x1b[31md\x7f ')), 'a b c[31md');
  assert.equal(decodeTitle(new Uint8Array(0)), '');
});

test('a title has at most 1024 characters, those outside the BMP counted once', () => {
  const title = decodeTitle(utf8('😀'.repeat(2000)));
  assert.equal([...title].length, maxTitleCodePoints);
  assert.ok(title.isWellFormed());
});

test('any bytes under any label give a clean, well-formed title', () => {
  const label = fc.oneof(
    fc.constantFrom('utf-8', 'utf-16le', 'utf-16be', 'iso-2022-jp', 'shift_jis', 'gb18030', 'latin1'),
    fc.string({ unit: 'binary' }),
    fc.constant(undefined),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), label, label, (bytes, charset, mountCharset) => {
      const title = decodeTitle(bytes, charset, mountCharset);
      assert.ok(title.isWellFormed());
      assert.equal(title, title.trim());
      assert.doesNotMatch(title, /\p{Cc}/u);
    }),
    { numRuns: 500 },
  );
});

test('artist and title are joined by a dash, alone they stand as they are', () => {
  assert.equal(joinTitle('Abba', 'Waterloo'), 'Abba - Waterloo');
  assert.equal(joinTitle('', 'Waterloo'), 'Waterloo');
  assert.equal(joinTitle('Abba', ''), 'Abba');
  assert.equal(joinTitle('', ''), '');
});

test('a display title splits at its first dash', () => {
  assert.deepEqual(splitTitle('Abba - Waterloo - Live'), { artist: 'Abba', title: 'Waterloo - Live' });
  assert.deepEqual(splitTitle('News'), { artist: '', title: 'News' });
  assert.deepEqual(splitTitle(' - x'), { artist: '', title: ' - x' });
});

test('splitting undoes joining where the artist has no dash of its own', () => {
  const word = fc.string({ minLength: 1 }).filter((text) => !text.includes(' -') && !text.endsWith(' '));
  fc.assert(
    fc.property(word, fc.string({ minLength: 1 }), (artist, title) => {
      assert.deepEqual(splitTitle(joinTitle(artist, title)), { artist, title });
    }),
  );
});
