import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleMount } from '@legacystream/core/status/status-samples.ts';
import { loadSettings } from '@legacystream/runtime/config/load-settings.ts';
import { renderEmbedPage } from './embed-page.ts';
import { hasHls } from './hls-path.ts';
import { loadPageAssets } from './page-assets.ts';

function settingsOf(iniText: string) {
  const { settings, problems } = loadSettings({ iniText, env: {}, readFile: () => '' });
  assert.deepEqual(problems, []);
  return settings;
}

const view = { path: '/a & b.aac', name: 'N <1>', hasHls: true, contentType: 'audio/aac' };

test('the page for frames has the player of the stream and nothing from elsewhere', () => {
  const html = renderEmbedPage(view);
  assert.match(
    html,
    /<legacystream-player titles src="\/a%20%26%20b\.aac" name="N &lt;1&gt;" type="audio\/aac" hls="\/a%20%26%20b\.aac\/playlist\.m3u8">/,
  );
  assert.doesNotMatch(html, /<style|\sstyle=|\son[a-z]+=|https?:/i);
  const assets = loadPageAssets();
  const wanted = [...html.matchAll(/="(\/assets\/[^"]+)"/g)].map((match) => match[1]!);
  assert.ok(wanted.length >= 4);
  for (const path of wanted) assert.ok(assets.has(path), path);
});

test('of a stream that is not on air the page says no more than is known', () => {
  const html = renderEmbedPage({ ...view, name: '', hasHls: undefined, contentType: '' });
  assert.match(html, /name="a &amp; b\.aac">/);
  assert.doesNotMatch(html, /<legacystream-player[^>]* (?:type|hls)=/);
  assert.match(renderEmbedPage({ ...view, hasHls: false }), / hls="">/);
});

test('a mount has HLS when its codec can be cut and its settings allow it', () => {
  const settings = settingsOf('[Mount /plain.aac]\nHls=false\n');
  const { state } = sampleMount({ path: '/x', codec: 'aac' });
  for (const codec of ['mp3', 'aac', 'ogg-opus', 'ogg-flac', 'flac'] as const)
    assert.equal(hasHls(settings, { ...state, codec }), true, codec);
  for (const codec of ['ogg-vorbis', 'ogg', 'matroska', 'opaque'] as const)
    assert.equal(hasHls(settings, { ...state, codec }), false, codec);
  assert.equal(hasHls(settings, { ...state, path: '/plain.aac' }), false);
  assert.equal(hasHls(settings, { ...state, codecPending: true }), false);
  assert.equal(hasHls(settingsOf('[Hls]\nEnabled=false\n'), state), false);
});
