import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxFirstLineBytes, takeFirstLine } from './first-line.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const take = (text: string) => {
  const cut = takeFirstLine(bytes(text));
  return cut && [cut.line, Buffer.from(cut.rest).toString('latin1')];
};

test('the first line is cut off and nothing after it is lost', () => {
  assert.deepEqual(take('pw\nicy-name:x\n'), ['pw', 'icy-name:x\n']);
  assert.deepEqual(take('\r\n\np\xe4\r\r\n\r\n'), ['p\xe4', '\r\n']);
});

test('a line that is not complete, too long or garbage is none', () => {
  for (const text of [
    '',
    'pw',
    'pw\r',
    'p\0\n',
    '\n\n\n\n\npw\n',
    `${'x'.repeat(maxFirstLineBytes + 1)}\n`,
  ]) {
    assert.equal(take(text), undefined);
  }
});
