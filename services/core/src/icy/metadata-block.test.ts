import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeMetadataBlock, maxMetadataTextBytes, parseMetadataBlock } from './metadata-block.ts';

const textOf = (block: Uint8Array) => Buffer.from(block.subarray(1)).toString('utf8').replace(/\0+$/, '');

function blockOf(text: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(text);
  const block = Buffer.alloc(1 + Math.ceil(bytes.length / 16) * 16);
  block[0] = Math.ceil(bytes.length / 16);
  block.set(bytes, 1);
  return block;
}

test('an empty title makes the block that Icecast starts with', () => {
  assert.deepEqual(Buffer.from(encodeMetadataBlock('')), Buffer.from("\x01StreamTitle='';\0", 'latin1'));
});

test('a title and a url stand in one block, padded with NUL to sixteen', () => {
  const block = encodeMetadataBlock('Abba - Waterloo', 'https://example.org/');
  assert.equal(textOf(block), "StreamTitle='Abba - Waterloo';StreamUrl='https://example.org/';");
  assert.equal(block.length, 1 + (block[0] ?? 0) * 16);
});

test('an empty url is left out', () => {
  assert.equal(textOf(encodeMetadataBlock('a', '')), "StreamTitle='a';");
});

test('apostrophes stay, but nothing inside a value closes it', () => {
  assert.equal(textOf(encodeMetadataBlock("It's Me")), "StreamTitle='It's Me';");
  assert.equal(
    textOf(encodeMetadataBlock("a';StreamUrl='http://evil/';")),
    "StreamTitle='a' ;StreamUrl='http://evil/' ;';",
  );
  assert.equal(textOf(encodeMetadataBlock(';x')), "StreamTitle=' ;x';");
  assert.equal(
    textOf(encodeMetadataBlock('a', "u';StreamTitle='b")),
    "StreamTitle='a';StreamUrl='u%27;StreamTitle=%27b';",
  );
});

test('a long title is cut between characters and still closed', () => {
  for (const filler of ['x', 'é', '€', '😀']) {
    const block = encodeMetadataBlock(`.${filler.repeat(4080)}`);
    const text = textOf(block);
    assert.equal(block[0], 255);
    assert.ok(Buffer.byteLength(text) <= maxMetadataTextBytes);
    assert.ok(Buffer.byteLength(text) > maxMetadataTextBytes - 4);
    assert.match(text, /^StreamTitle='\.[xé€😀]+';$/u);
  }
});

test('a url that does not fit beside the title is dropped, the title is not cut for it', () => {
  const title = 'x'.repeat(4060);
  assert.equal(textOf(encodeMetadataBlock(title, 'https://example.org/')), `StreamTitle='${title}';`);
});

test('a url that fits to the last byte is kept', () => {
  const title = 'x'.repeat(maxMetadataTextBytes - "StreamTitle='';StreamUrl='abcd';".length);
  assert.equal(textOf(encodeMetadataBlock(title, 'abcd')).length, maxMetadataTextBytes);
  assert.equal(parseMetadataBlock(encodeMetadataBlock(`${title}x`, 'abcd')).url, undefined);
});

test('a block is read back, charset and missing terminators included', () => {
  assert.deepEqual(parseMetadataBlock(blockOf("StreamTitle='It's';StreamUrl='http://a/';")), {
    title: "It's",
    url: 'http://a/',
  });
  assert.deepEqual(parseMetadataBlock(blockOf("StreamTitle='cut off")), { title: 'cut off' });
  assert.deepEqual(parseMetadataBlock(blockOf("StreamTitle='no semicolon'")), { title: 'no semicolon' });
  assert.deepEqual(
    parseMetadataBlock(blockOf(Buffer.from("StreamTitle='\xcf\xf0';", 'latin1')), 'windows-1251'),
    {
      title: 'Пр',
    },
  );
});

test('a block that says nothing has no fields', () => {
  assert.deepEqual(parseMetadataBlock(Uint8Array.of(0)), {});
  assert.deepEqual(parseMetadataBlock(new Uint8Array(0)), {});
});

test('bytes beyond the length of the block are not read', () => {
  assert.deepEqual(parseMetadataBlock(Buffer.from("\0StreamTitle='x';", 'latin1')), {});
});

test('any title and url make a block that ends in a terminator and reads back the same', () => {
  const text = fc.string({
    unit: fc.constantFrom("'", ';', ' ', 'a', 'é', '😀', '\0', '\n', '='),
    maxLength: 80,
  });
  fc.assert(
    fc.property(text, text, (title, url) => {
      const block = encodeMetadataBlock(title, url);
      const read = parseMetadataBlock(block);
      assert.equal(block.length, 1 + (block[0] ?? 0) * 16);
      assert.match(textOf(block), /^StreamTitle='.*';$/su);
      // Breaking up `';` is the one change; a second pass changes nothing more.
      assert.deepEqual(parseMetadataBlock(encodeMetadataBlock(read.title ?? '', read.url)), read);
      assert.equal(read.title?.replaceAll(/ /g, ''), title.replaceAll(/[ \0\n]/g, ''));
    }),
    { numRuns: 500 },
  );
});

test('any bytes are read without an error', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: fc.constantFrom("StreamTitle='", "StreamUrl='", "';", "'", '\0', 'é') }).map(blockOf),
  );
  fc.assert(fc.property(bytes, (block) => void parseMetadataBlock(block)));
});
