import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance, nearestName } from './nearest-name.ts';

test('the distance counts letters added, lost, changed and swapped', () => {
  assert.equal(editDistance('', 'abc'), 3);
  assert.equal(editDistance('port', 'port'), 0);
  assert.equal(editDistance('prot', 'port'), 1);
  assert.equal(editDistance('pot', 'port'), 1);
  assert.equal(editDistance('part', 'port'), 1);
  assert.equal(editDistance('kitten', 'sitting'), 3);
});

test('a slip finds the name that was meant, in whatever case', () => {
  const known = ['HttpPort', 'HttpsPort', 'BindAddress', 'Location'];
  assert.equal(nearestName('htpport', known), 'HttpPort');
  assert.equal(nearestName('HttpsProt', known), 'HttpsPort');
  assert.equal(nearestName('BindAdress', known), 'BindAddress');
});

test('what resembles nothing gets no guess', () => {
  assert.equal(nearestName('Frobnicate', ['HttpPort', 'Name']), undefined);
  assert.equal(nearestName('xy', ['ab']), undefined);
  assert.equal(nearestName('a'.repeat(100_000), ['HttpPort']), undefined);
});
