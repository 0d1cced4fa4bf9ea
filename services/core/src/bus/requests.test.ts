import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeEdgeRequest,
  decodeOwnerRequest,
  decodeReply,
  type EdgeReply,
  type EdgeRequest,
  encodeMessage,
  type OwnerReply,
  type OwnerRequest,
} from './requests.ts';

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const refusal = { ok: false, reason: 'unreadable reply' };

test('requests to an owner are read as they were written', () => {
  const requests: OwnerRequest[] = [
    { op: 'takeover' },
    { op: 'standby' },
    { op: 'kill' },
    { op: 'title', title: 'é', artist: '', url: 'https://example.org/' },
  ];
  for (const request of requests) assert.deepEqual(decodeOwnerRequest(encodeMessage(request)), request);
});

test('requests to an edge are read as they were written', () => {
  const requests: EdgeRequest[] = [
    { op: 'clients', mountId: 'live_2emp3' },
    { op: 'kill-client', mountId: 'live_2emp3', id: 7 },
    { op: 'move-clients', mountId: 'live_2emp3', destinationId: 'b_2emp3' },
    { op: 'move-clients', mountId: 'live_2emp3', destinationId: 'b_2emp3', most: 0 },
  ];
  for (const request of requests) assert.deepEqual(decodeEdgeRequest(encodeMessage(request)), request);
});

test('replies are read as they were written', () => {
  const replies: (OwnerReply | EdgeReply)[] = [
    { ok: true },
    { ok: true, replacements: 3 },
    { ok: true, found: false },
    { ok: true, moved: 3, kept: 0 },
    { ok: true, clients: [] },
    {
      ok: true,
      clients: [
        { id: 1, ip: '192.0.2.1', userAgent: 'x', connectedSeconds: 1.5, username: 'u' },
        { id: 2, ip: '::1', userAgent: '', connectedSeconds: 0 },
      ],
    },
    { ok: false, reason: 'mount in use' },
    { ok: false, reason: 'on air', yieldsInMs: 450, codec: 'mp3' },
  ];
  for (const reply of replies) assert.deepEqual(decodeReply(encodeMessage(reply)), reply);
});

test('what a refusal says beyond its reason is left out where it makes no sense', () => {
  for (const more of [{ yieldsInMs: '5' }, { yieldsInMs: null }, { codec: 'wav' }, { codec: 1 }, { x: 1 }]) {
    assert.deepEqual(decodeReply(json({ ok: false, reason: 'on air', ...more })), {
      ok: false,
      reason: 'on air',
    });
  }
});

test('what is no request is refused', () => {
  const title = { op: 'title', title: 'a', artist: 'b', url: 'c' };
  const bad = [
    null,
    [],
    'takeover',
    {},
    { op: 'unknown' },
    { ...title, url: undefined },
    { ...title, artist: 5 },
    { ...title, title: 'x'.repeat(20_000) },
  ];
  for (const value of bad)
    assert.equal(decodeOwnerRequest(json(value)), undefined, JSON.stringify(value)?.slice(0, 60));
  const kill = { op: 'kill-client', mountId: 'a', id: 1 };
  const move = { op: 'move-clients', mountId: 'a', destinationId: 'b' };
  for (const value of [
    { ...kill, id: '1' },
    { ...kill, id: 1.5 },
    { ...kill, mountId: 5 },
    { ...move, destinationId: 5 },
    { ...move, mountId: undefined },
    { ...move, most: -1 },
    { ...move, most: '1' },
    { ...move, most: null },
    { op: 'clients' },
    [],
  ]) {
    assert.equal(decodeEdgeRequest(json(value)), undefined, JSON.stringify(value));
  }
});

test('a reply that is none counts as a refusal', () => {
  const client = { id: 1, ip: 'a', userAgent: 'b', connectedSeconds: 1 };
  const bad = [
    null,
    [],
    {},
    { ok: 'true' },
    { ok: false },
    { ok: true, replacements: 'many' },
    { ok: true, found: 1 },
    { ok: true, moved: '1' },
    { ok: true, moved: 1, kept: -1 },
    { ok: true, clients: {} },
    { ok: true, clients: [null] },
    { ok: true, clients: [{ ...client, id: 'x' }] },
    { ok: true, clients: [client, { ...client, username: 5 }] },
  ];
  for (const value of bad) assert.deepEqual(decodeReply(json(value)), refusal, JSON.stringify(value));
  assert.deepEqual(decodeReply(Buffer.from('{')), refusal);
  const huge = json({ ok: false, reason: 'x'.repeat(5 * 1024 * 1024) });
  assert.deepEqual(decodeReply(huge), refusal);
});

test('garbage never throws', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (data) => {
        decodeOwnerRequest(data);
        decodeEdgeRequest(data);
        assert.equal(typeof decodeReply(data).ok, 'boolean');
      },
    ),
  );
});
