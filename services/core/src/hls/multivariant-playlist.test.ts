import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { disagreements, readMultivariantPlaylist } from '../../../../test/support/hls/playlist-reader.ts';
import { checkMultivariant } from '../../../../test/support/hls/playlist-rules.ts';
import type { HlsSegment, HlsWindow } from './hls-window.ts';
import { bandwidthOf, renderMultivariantPlaylist } from './multivariant-playlist.ts';

const start = { epoch: 3, pdtMs: 0, discontinuity: false, init: '' };
const segment = (durationS: number, bytes: number, gap = false): HlsSegment => ({
  ...start,
  durationS,
  bytes,
  parts: [],
  ...(gap && { gap }),
});
const windowOf = (segments: readonly HlsSegment[], over: Partial<HlsWindow> = {}): HlsWindow => ({
  container: 'packed',
  extension: 'aac',
  codecs: 'mp4a.40.2',
  targetDurationS: 4,
  partTargetS: 0,
  windowS: 40,
  epoch: 3,
  revision: 1,
  firstMsn: 0,
  discontinuitySequence: 0,
  segments,
  open: undefined,
  titles: [],
  ...over,
});

test('each rendition is a variant, in the given order', () => {
  const text = renderMultivariantPlaylist([
    { uri: 'hi/live.m3u8', window: windowOf([segment(4, 64_000)]) },
    { uri: 'lo/live.m3u8', window: windowOf([segment(4, 16_000)], { codecs: 'Opus' }) },
  ]);
  const playlist = readMultivariantPlaylist(text);
  assert.deepEqual(checkMultivariant(playlist), []);
  assert.deepEqual(disagreements(text, playlist), []);
  assert.deepEqual(
    playlist.variants.map(({ uri, codecs }) => [uri, codecs]),
    [
      ['hi/live.m3u8', 'mp4a.40.2'],
      ['lo/live.m3u8', 'Opus'],
    ],
  );
});

test('the declared peak is above every whole segment, and not by a quarter', () => {
  const segments = fc.array(
    fc.tuple(fc.integer({ min: 3500, max: 4500 }), fc.integer({ min: 4_000, max: 1_000_000 })),
    {
      minLength: 1,
      maxLength: 30,
    },
  );
  fc.assert(
    fc.property(segments, (list) => {
      const window = windowOf(list.map(([ms, bytes]) => segment(ms / 1000, bytes)));
      const { peakBps, averageBps } = bandwidthOf(window);
      const rates = window.segments.map(({ durationS, bytes }) => (bytes * 8) / durationS);
      const peak = Math.max(...rates);
      assert.ok(peakBps >= peak && peakBps <= peak * 1.25 + 1000, `${peakBps} for ${peak}`);
      const bytes = window.segments.reduce((sum, one) => sum + one.bytes, 0);
      const durationS = window.segments.reduce((sum, one) => sum + one.durationS, 0);
      assert.ok(averageBps >= (bytes * 8) / durationS && averageBps <= (bytes * 8) / durationS + 1000);
      assert.ok(averageBps <= peakBps);
    }),
  );
});

test('gaps and crumbs say nothing of the rate', () => {
  const plain = bandwidthOf(windowOf([segment(4, 64_000)]));
  assert.deepEqual(plain, { peakBps: 141_000, averageBps: 128_000 });
  assert.deepEqual(bandwidthOf(windowOf([segment(4, 64_000), segment(4, 0, true)])), plain);
  const { peakBps } = bandwidthOf(windowOf([segment(4, 64_000), segment(0.026, 4_000)]));
  assert.ok(peakBps < 160_000, `${peakBps}`);
});

test('before the first segment the parts tell, and without any there is a number all the same', () => {
  const open = { ...start, parts: [{ durationS: 1, bytes: 16_000 }] };
  assert.deepEqual(bandwidthOf(windowOf([], { open })), { peakBps: 141_000, averageBps: 128_000 });
  assert.deepEqual(bandwidthOf(windowOf([])), { peakBps: 1000, averageBps: 1000 });
  assert.deepEqual(bandwidthOf(windowOf([segment(4, 0, true)])), { peakBps: 1000, averageBps: 1000 });
});
