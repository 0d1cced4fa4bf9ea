import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMountState, decodeNowPlaying, type MountState } from './mount-state.ts';

const nowPlaying = { display: 'A – é', title: 'é', artist: 'A', url: '', sinceMs: 5 };
const state: MountState = {
  path: '/live.mp3',
  status: 'live',
  epoch: 1_700_000_000_000,
  revision: 3,
  podId: 'ingest-1',
  hidden: false,
  codec: 'mp3',
  contentType: 'audio/mpeg',
  startedAtMs: 1,
  droppedAtMs: 0,
  lingerMs: 15_000,
  sourceIp: '192.0.2.1',
  userAgent: 'butt',
  protocol: 'SOURCE',
  info: { name: 'A station', public: true, bitrateKbps: 128 },
  nowPlaying,
  history: [nowPlaying],
  bytesRead: 5,
  maxListeners: null,
};
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

test('a state document is read as it was written', () => {
  assert.deepEqual(decodeMountState(bytes(state)), state);
  const other = { ...state, status: 'ended', maxListeners: 5, history: [], info: {}, codec: 'opaque' };
  assert.deepEqual(decodeMountState(bytes(other)), other);
  const inside = Buffer.concat([Buffer.from('xx'), bytes(state), Buffer.from('yy')]);
  assert.deepEqual(decodeMountState(inside.subarray(2, -2)), state);
});

test('each field that is missing or of another kind makes it none', () => {
  for (const field of Object.keys(state) as (keyof MountState)[]) {
    assert.equal(decodeMountState(bytes({ ...state, [field]: undefined })), undefined, `no ${field}`);
    const other = typeof state[field] === 'string' ? 5 : 'text';
    assert.equal(decodeMountState(bytes({ ...state, [field]: other })), undefined, `odd ${field}`);
  }
  const bad = [
    { path: 'live.mp3' },
    { status: 'asleep' },
    { codec: 'wma' },
    { info: { name: 5 } },
    { info: { public: 'yes' } },
    { info: { bitrateKbps: '128' } },
    { nowPlaying: { ...nowPlaying, url: null } },
    { history: [nowPlaying, {}] },
    { maxListeners: '5' },
  ];
  for (const change of bad)
    assert.equal(decodeMountState(bytes({ ...state, ...change })), undefined, JSON.stringify(change));
});

test('what is too large or no document at all is none, and never throws', () => {
  assert.equal(decodeMountState(bytes({ ...state, userAgent: 'x'.repeat(300_000) })), undefined);
  assert.equal(decodeMountState(new Uint8Array(0)), undefined);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (data) => {
        assert.equal(decodeMountState(data), undefined);
        assert.equal(decodeNowPlaying(data), undefined);
      },
    ),
  );
});

test('the title of a metadata message is read as it was written', () => {
  assert.deepEqual(decodeNowPlaying(bytes(nowPlaying)), nowPlaying);
  assert.equal(decodeNowPlaying(bytes({ ...nowPlaying, sinceMs: 'now' })), undefined);
  assert.equal(decodeNowPlaying(bytes({ ...nowPlaying, display: undefined })), undefined);
});
