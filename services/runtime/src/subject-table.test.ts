import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { SubjectTable } from './subject-table.ts';

function visited(table: SubjectTable<string>, subject: string): string[] {
  const found: string[] = [];
  table.visit(subject, found, (value, into) => void into.push(value));
  return found;
}

test('exact entries come first, then every pattern that covers the subject', () => {
  const table = new SubjectTable<string>();
  table.add('a.>', 'rest');
  table.add('a.*', 'star');
  table.add('a.b', 'exact');
  table.add('a.c', 'other');
  assert.deepEqual(visited(table, 'a.b'), ['exact', 'rest', 'star']);
  assert.deepEqual(visited(table, 'a.b.c'), ['rest']);
  assert.deepEqual(visited(table, 'a'), []);
});

test('a removed entry is gone, and removing it again harms no newer one', () => {
  const table = new SubjectTable<string>();
  const remove = table.add('a', 'first');
  remove();
  assert.deepEqual(visited(table, 'a'), []);
  table.add('a', 'first');
  remove();
  assert.deepEqual(visited(table, 'a'), ['first']);
});

test('an entry removed during a visit is not visited any more', () => {
  const table = new SubjectTable<() => void>();
  let calls = 0;
  const removals: (() => void)[] = [];
  const removeAll = (): void => {
    calls++;
    for (const remove of removals) remove();
  };
  for (const pattern of ['a', 'a', '*', '>']) removals.push(table.add(pattern, () => removeAll()));
  table.visit('a', undefined, (run) => run());
  assert.equal(calls, 1);
});

test('the first entry is the longest-standing exact one, else a pattern', () => {
  const table = new SubjectTable<string>();
  assert.equal(table.first('a'), undefined);
  table.add('*', 'pattern');
  assert.equal(table.first('a'), 'pattern');
  const remove = table.add('a', 'older');
  table.add('a', 'newer');
  assert.equal(table.first('a'), 'older');
  remove();
  assert.equal(table.first('a'), 'newer');
  table.clear();
  assert.equal(table.first('a'), undefined);
});

test('what matches nothing is refused', () => {
  assert.throws(
    () => new SubjectTable<string>().add('a..b', 'x'),
    (error) => error instanceof LegacyStreamError && error.code === 'LS_PARAMETER_INVALID',
  );
});
