import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';
import fc from 'fast-check';
import { HlsTokens, identityOf, loadTokenKey } from './hls-token.ts';

const key = Buffer.from('a key');
const tokens = new HlsTokens(key);

test('a token is good for its mount on every server that has the key', () => {
  const token = tokens.make('/live.mp3');
  assert.match(token, /^[A-Za-z0-9_-]{27}$/);
  assert.notEqual(tokens.make('/live.mp3'), token);
  assert.equal(new HlsTokens(Buffer.from('a key')).check('/live.mp3', token), true);
  assert.equal(tokens.check('/other.mp3', token), false);
  assert.equal(new HlsTokens(Buffer.from('another key')).check('/live.mp3', token), false);
});

test('no other spelling and no other word is a token', () => {
  const token = tokens.make('/live.mp3');
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (const char of alphabet) {
    for (const at of [0, 13, 16, 26]) {
      const forged = token.slice(0, at) + char + token.slice(at + 1);
      assert.equal(tokens.check('/live.mp3', forged), forged === token, forged);
    }
  }
  for (const word of ['', token.slice(1), `${token}A`, `${token.slice(0, 26)}=`, `${token.slice(0, 26)}é`]) {
    assert.equal(tokens.check('/live.mp3', word), false, word);
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 20, maxLength: 30 }), (word) => {
      assert.equal(tokens.check('/live.mp3', word), false);
    }),
  );
});

test('a word of who was let in says until when, for its mount alone, and tells listeners apart', () => {
  const seed = tokens.makeSeed();
  const word = tokens.authorize('/live.mp3', seed, 1_800_000_000);
  assert.match(word, /^[A-Za-z0-9_-]{46}$/);
  assert.equal(tokens.authorizedUntil('/live.mp3', word), 1_800_000_000);
  assert.equal(new HlsTokens(Buffer.from('a key')).authorizedUntil('/live.mp3', word), 1_800_000_000);
  assert.equal(tokens.check('/live.mp3', word), true);
  assert.equal(identityOf(word), identityOf(tokens.authorize('/live.mp3', seed, 1_900_000_000)));
  assert.notEqual(
    identityOf(word),
    identityOf(tokens.authorize('/live.mp3', tokens.makeSeed(), 1_800_000_000)),
  );
  for (const none of [
    tokens.authorize('/other.mp3', seed, 1_800_000_000),
    tokens.make('/live.mp3'),
    seed,
    '',
  ])
    assert.equal(tokens.authorizedUntil('/live.mp3', none), undefined);
  assert.equal(new HlsTokens(Buffer.from('another key')).authorizedUntil('/live.mp3', word), undefined);
  for (let at = 0; at < word.length; at += 1) {
    const forged = `${word.slice(0, at)}${word[at] === 'A' ? 'B' : 'A'}${word.slice(at + 1)}`;
    assert.equal(tokens.authorizedUntil('/live.mp3', forged), undefined, forged);
  }
  const plain = tokens.make('/live.mp3');
  assert.equal(identityOf(plain), plain);
});

test('the setting is the key, and the store is not asked', async () => {
  const store = new MemoryStateStore({ clock: new ManualClock() });
  await store.close();
  assert.deepEqual(await loadTokenKey({ setting: 'a key', store, podId: 'a' }), key);
});

test('all servers of a store come to one key, whoever asks first', async () => {
  const store = new MemoryStateStore({ clock: new ManualClock() });
  const podIds = ['a', 'b', 'c', 'd'];
  const first = await Promise.all(podIds.map((podId) => loadTokenKey({ setting: '', store, podId })));
  const made = first.find((found) => found !== undefined);
  assert.equal(made?.length, 32);
  for (const found of first) if (found) assert.deepEqual(found, made);
  for (const podId of podIds) assert.deepEqual(await loadTokenKey({ setting: '', store, podId }), made);
  // The lease is free again: had the key been lost, the next one could make another at once.
  await store.removeDocument('setting', 'hls-token-key');
  const next = await loadTokenKey({ setting: '', store, podId: 'z' });
  assert.equal(next?.length, 32);
  assert.notDeepEqual(next, made);
});

test('a store that forgot the key is given the one that is in use', async () => {
  const store = new MemoryStateStore({ clock: new ManualClock() });
  const current = await loadTokenKey({ setting: '', store, podId: 'a' });
  await store.removeDocument('setting', 'hls-token-key');
  assert.deepEqual(await loadTokenKey({ setting: '', store, podId: 'a', current }), current);
  assert.deepEqual(await loadTokenKey({ setting: '', store, podId: 'b' }), current);
});

test('a document that is no key is replaced', async () => {
  const store = new MemoryStateStore({ clock: new ManualClock() });
  for (const value of [null, 'text', { key: 5 }, { key: 'short' }, {}]) {
    await store.putDocument('setting', 'hls-token-key', value);
    const made = await loadTokenKey({ setting: '', store, podId: 'a' });
    assert.equal(made?.length, 32, JSON.stringify(value));
    assert.deepEqual(await loadTokenKey({ setting: '', store, podId: 'b' }), made);
    await store.removeDocument('setting', 'hls-token-key');
  }
});

test('there is no key while the store is away or another makes one', async () => {
  const away = new MemoryStateStore({ clock: new ManualClock() });
  await away.close();
  assert.equal(await loadTokenKey({ setting: '', store: away, podId: 'a' }), undefined);
  const store = new MemoryStateStore({ clock: new ManualClock() });
  await store.acquireLease('setting.hls-token-key', 'other', 10_000);
  assert.equal(await loadTokenKey({ setting: '', store, podId: 'a' }), undefined);
  const fails = async () => {
    throw new LegacyStreamError('LS_STORE_UNAVAILABLE', 'away');
  };
  const dying = Object.assign(new MemoryStateStore({ clock: new ManualClock() }), {
    putDocument: fails,
    releaseLease: fails,
  });
  assert.equal(await loadTokenKey({ setting: '', store: dying, podId: 'a' }), undefined);
});

test('one that was too slow does not replace the key of the next', async () => {
  const clock = new ManualClock();
  const store = new MemoryStateStore({ clock });
  const next: (Uint8Array | undefined)[] = [];
  const slow = {
    acquireLease: store.acquireLease.bind(store),
    releaseLease: store.releaseLease.bind(store),
    getDocument: store.getDocument.bind(store),
    putDocument: async (...put: Parameters<typeof store.putDocument>) => {
      clock.advance(60_000);
      next.push(await loadTokenKey({ setting: '', store, podId: 'next' }));
      return store.putDocument(...put);
    },
  };
  const own = await loadTokenKey({ setting: '', store: slow, podId: 'slow' });
  assert.equal(next[0]?.length, 32);
  assert.deepEqual(own, next[0]);
});
