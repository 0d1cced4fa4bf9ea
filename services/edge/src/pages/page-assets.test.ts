import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { notFoundBody } from './not-found-page.ts';
import { loadPageAssets } from './page-assets.ts';
import { assetHeaders, isAssetFresh, pageHeaders } from './page-headers.ts';
import { describeDuration } from './time-on-air.ts';

const assets = loadPageAssets();

const asset = (name: string) => {
  const found = assets.get(`/assets/${name}`);
  assert.ok(found);
  return found;
};

test('every asset has a body, a type that is no guess and a tag of its content', () => {
  assert.ok(assets.has('/assets/player.js') && assets.has('/assets/favicon.svg'));
  const tags = new Set([...assets.values()].map(({ etag }) => etag));
  assert.equal(tags.size, assets.size);
  for (const one of assets.values()) {
    assert.ok(one.body.length > 0);
    const headers = assetHeaders(one);
    assert.equal(headers['X-Content-Type-Options'], 'nosniff');
    assert.match(headers['ETag'] ?? '', /^"[\w-]{22}"$/);
  }
});

test('every file of the folder is served, and nothing else', () => {
  const files = readdirSync(new URL('./assets/', import.meta.url)).map((name) => `/assets/${name}`);
  assert.deepEqual([...assets.keys()].sort(), files.sort());
});

test('assets fetch nothing from elsewhere', () => {
  for (const { body } of assets.values()) {
    const foreign = body.toString().match(/(?:https?:)?\/\/[\w-]+\.[\w.-]+/g) ?? [];
    assert.deepEqual(
      foreign.filter((address) => address !== 'http://www.w3.org'),
      [],
    );
  }
});

test('a cached asset is recognised by its tag', () => {
  const one = asset('player.js');
  assert.ok(isAssetFresh(one, one.etag));
  assert.ok(isAssetFresh(one, `"x", W/${one.etag}`));
  assert.ok(isAssetFresh(one, '*'));
  assert.ok(!isAssetFresh(one, '"x"'));
  assert.ok(!isAssetFresh(one, undefined));
});

test('pages allow nothing but what their own server sends', () => {
  const headers = pageHeaders();
  const policy = headers['Content-Security-Policy'] ?? '';
  assert.match(policy, /^default-src 'self'; /);
  assert.doesNotMatch(policy, /unsafe|\*|http/);
  assert.equal(headers['X-Content-Type-Options'], 'nosniff');
  assert.ok(headers['Referrer-Policy']);
});

test('the script and the server spell durations and missing titles alike', () => {
  const script = asset('status-page.js').body.toString();
  const source = /^function describeDuration[\s\S]*?^}/m.exec(script)?.[0] ?? '';
  const inScript = new Function(`${source}; return describeDuration;`)() as (ms: number) => string;
  for (const ms of [-5, 0, 59_999, 60_000, 3_599_999, 3_600_000, 86_399_999, 86_400_000, 1e10]) {
    assert.equal(inScript(ms), describeDuration(ms));
  }
  assert.equal(describeDuration(8_040_000), '2 h 14 min');
  assert.equal(describeDuration(Number.NaN), 'under 1 min');
  const card = readFileSync(new URL('./mount-card.ts', import.meta.url), 'utf8');
  const untitled = /const untitled = ('[^']+');/.exec(card)?.[1] ?? '?';
  assert.ok(script.includes(`const untitled = ${untitled};`));
});

test('the answer for what is not to be found is Icecast’s', () => {
  const icecast = readFileSync(
    new URL('../../../../test/fixtures/icecast-2.4.4/error-404.html', import.meta.url),
  );
  assert.deepEqual(notFoundBody(), icecast);
});
