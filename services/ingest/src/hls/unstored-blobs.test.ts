import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnstoredBlobs } from './unstored-blobs.ts';

const blob = (name: string, bytes: number, untilMs = 1_000) => ({
  name,
  data: new Uint8Array(bytes),
  untilMs,
});
const names = (blobs: readonly { readonly name: string }[]) => blobs.map(({ name }) => name);

test('gives back once what is still of use', () => {
  const blobs = new UnstoredBlobs(100);
  blobs.keep(blob('a', 10, 400));
  blobs.keep(blob('b', 10, 600));
  assert.deepEqual(names(blobs.take(500)), ['b']);
  assert.deepEqual(blobs.take(500), []);
  assert.equal(blobs.size, 0);
});

test('the oldest goes when there is too much, and one name counts once', () => {
  const blobs = new UnstoredBlobs(100);
  blobs.keep(blob('a', 60));
  blobs.keep(blob('b', 40));
  blobs.keep(blob('b', 40));
  assert.deepEqual(blobs.size, 2);
  blobs.keep(blob('c', 1));
  assert.deepEqual(names(blobs.take(0)), ['b', 'c']);
  blobs.keep(blob('d', 101));
  assert.equal(blobs.size, 0);
});
