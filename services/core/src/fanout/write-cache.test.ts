import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WriteCache } from './write-cache.ts';

test('the very buffer that was put is given back until the cache is cleared', () => {
  const cache = new WriteCache();
  const [a, b] = [new Uint8Array(1), new Uint8Array(2)];
  assert.equal(cache.get(0), undefined);
  assert.equal(cache.put(0, a), a);
  assert.equal(cache.put(2 ** 40, b), b);
  assert.equal(cache.get(0), a);
  assert.equal(cache.get(2 ** 40), b);
  cache.clear();
  assert.equal(cache.get(0), undefined);
  assert.equal(cache.get(2 ** 40), undefined);
});

test('a cache keeps a bounded number of buffers', () => {
  const cache = new WriteCache();
  for (let i = 0; i < 1000; i += 1) cache.put(i, new Uint8Array(1));
  const kept = Array.from({ length: 1000 }, (_, i) => cache.get(i)).filter(Boolean);
  assert.ok(kept.length <= 64);
  assert.ok(cache.get(999));
});
