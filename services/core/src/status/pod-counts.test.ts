import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../ports/state-store.ts';
import { type PodCounts, parsePodCounts } from './pod-counts.ts';

const counts = { listeners: 2, connections: 5, slow: 1, bytesSent: 1e12, highWater: 3 };
const pod: PodCounts = {
  podId: 'edge-1',
  startedAtMs: 1_700_000_000_000,
  connections: 10,
  clientConnections: 9,
  listenerConnections: 5,
  sourceConnections: 1,
  mounts: { '/live.mp3': counts, '/__proto__': counts },
};

test('what a pod says of itself is read as it was written', () => {
  const document = JSON.parse(JSON.stringify(pod)) as Json;
  assert.deepEqual(parsePodCounts(document), pod);
  assert.deepEqual(parsePodCounts({ ...pod, mounts: {} })?.mounts, {});
});

test('what is no such document is refused', () => {
  const bad: unknown[] = [
    undefined,
    null,
    'text',
    [],
    {},
    { ...pod, podId: 7 },
    { ...pod, connections: '10' },
    { ...pod, sourceConnections: -1 },
    { ...pod, startedAtMs: null },
    { ...pod, mounts: null },
    { ...pod, mounts: [counts] },
    { ...pod, mounts: { '/a': null } },
    { ...pod, mounts: { '/a': 'text' } },
    { ...pod, mounts: { '/a': counts, '/b': { ...counts, listeners: -1 } } },
    { ...pod, mounts: { '/a': { ...counts, highWater: undefined } } },
  ];
  for (const document of bad)
    assert.equal(parsePodCounts(document as Json), undefined, JSON.stringify(document));
});
