import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeFigures } from './benchmark-documents.ts';

test('figures take their place in a document and leave what people wrote', () => {
  const first = placeFigures('', 'ONE');
  const written = `${first}\nWritten by hand.\n`;
  const second = placeFigures(written, 'TWO');
  assert.match(second, /TWO/);
  assert.doesNotMatch(second, /ONE/);
  assert.match(second, /Written by hand\.\n$/);
  assert.equal(placeFigures(second, 'TWO'), second);
});
