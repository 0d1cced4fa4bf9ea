import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHlsTarget } from './hls-target.ts';

test('playlists and what they list are told apart', () => {
  assert.deepEqual(parseHlsTarget('/live.aac/playlist.m3u8?a=1'), {
    kind: 'multivariant',
    mountPath: '/live.aac',
    rawQuery: 'a=1',
  });
  assert.deepEqual(parseHlsTarget('/a/b%20c/hls/source/live.m3u8'), {
    kind: 'media',
    mountPath: '/a/b c',
    rawQuery: '',
    rendition: 'source',
  });
  assert.deepEqual(parseHlsTarget('/live/hls/source/kf3-12.0.m4s'), {
    kind: 'resource',
    mountPath: '/live',
    rawQuery: '',
    rendition: 'source',
    name: 'kf3-12.0.m4s',
  });
});

test('tricks with paths are no targets', () => {
  for (const target of [
    '/playlist.m3u8',
    '//playlist.m3u8',
    '/../playlist.m3u8',
    '/%2e%2e/playlist.m3u8',
    '/live/%2e%2e/playlist.m3u8',
    '/live/hls/source/../live.m3u8',
    '/live/hls/%2e%2e/live.m3u8',
    '/live/hls/source/%2e%2e%2flive.m3u8',
    '/live/hls/source/a%00.m4s',
    '/live/hls/Source/live.m3u8',
    '/live/hls/source/',
    '/live/hls/live.m3u8',
    '/live%5c/playlist.m3u8',
    `/${'x'.repeat(300)}/playlist.m3u8`,
    '/live/playlist.m3u',
    '*',
  ]) {
    assert.equal(parseHlsTarget(target), undefined, target);
  }
});
