import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseIni } from './ini-document.ts';

function entriesOf(text: string) {
  const { sections, problems } = parseIni(text);
  assert.deepEqual(problems, []);
  return sections.flatMap(({ name, entries }) => entries.map(({ key, value }) => [name, key, value]));
}

test('a byte order mark, CR LF, blank lines and white space change nothing', () => {
  const text = '\uFEFF[Server]\r\n\r\n  HttpPort =\t8000 \r\nAdmin=me\r\n';
  assert.deepEqual(entriesOf(text), [
    ['Server', 'HttpPort', '8000'],
    ['Server', 'Admin', 'me'],
  ]);
});

test('comments stand at the start of a line, so that values keep ; # and =', () => {
  const text = '# a\n; b\n  ; c\n[Auth]\nSourcePassword=a;b#c = d ;e\n';
  assert.deepEqual(entriesOf(text), [['Auth', 'SourcePassword', 'a;b#c = d ;e']]);
});

test('one pair of double quotes is taken off and keeps the white space inside', () => {
  const text = '[A]\na="  x "\nb=""quoted""\nc="\nd=say "hi"\ne=\nf=""';
  assert.deepEqual(
    entriesOf(text).map(([, , value]) => value),
    ['  x ', '"quoted"', '"', 'say "hi"', '', ''],
  );
});

test('a section name may have dots, slashes, stars and spaces', () => {
  assert.deepEqual(entriesOf('[ Mount /club/*.mp3 ]\na=1'), [['Mount /club/*.mp3', 'a', '1']]);
});

test('every line that cannot be read is reported with its number, and the rest is read', () => {
  const { sections, problems } = parseIni('stray=1\n[Server\njunk\n[]\n=5\n[Log]\nhunter2secret\nLevel=warn');
  assert.deepEqual(
    problems.map(({ line }) => line),
    [1, 2, 3, 4, 5, 7],
  );
  assert.match(problems[0]?.message ?? '', /before the first \[Section\]/);
  assert.match(problems[1]?.message ?? '', /expected \[Section\]/);
  assert.doesNotMatch(problems[5]?.message ?? '', /hunter2/, 'a line without = may be a lost password');
  assert.deepEqual(
    sections.map(({ name, line, entries }) => [name, line, entries.length]),
    [['Log', 6, 1]],
  );
});

test('an oversized or binary file is refused as a whole', () => {
  const big = `[A]\n${'x'.repeat(1024 * 1024)}=1`;
  for (const text of [big, `[A]\n${'\n'.repeat(20_001)}`, '[A]\n\u0000=1']) {
    const { sections, problems } = parseIni(text);
    assert.deepEqual([sections.length, problems.length], [0, 1]);
  }
  assert.equal(parseIni(`[A]\n${'\n'.repeat(19_998)}`).sections.length, 1);
});

test('no text makes it throw, and every line is accounted for', () => {
  const piece = fc.constantFrom('[', ']', '=', ';', '#', '"', '\n', '\r\n', ' ', 'key', 'é', '\uFEFF');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const text = pieces.join('');
      const { sections, problems } = parseIni(text);
      const lines = text
        .replace(/^\uFEFF/, '')
        .split(/\r\n|\n|\r/)
        .map((line) => line.trim());
      const meaningful = lines.filter((line) => line !== '' && !/^[;#]/.test(line)).length;
      const read = sections.reduce((sum, { entries }) => sum + 1 + entries.length, 0);
      // Entries under a section without a name go with it.
      assert.ok(read + problems.length <= meaningful);
      if (problems.length === 0) assert.equal(read, meaningful);
    }),
    { numRuns: 300 },
  );
});
