import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { notFoundBody } from './not-found-page.ts';
import { loadPageAssets } from './page-assets.ts';
import { assetHeaders, embedHeaders, isAssetFresh, pageHeaders } from './page-headers.ts';
import { describeDuration } from './time-on-air.ts';

const assets = loadPageAssets();
const { version: hlsVersion } = createRequire(import.meta.url)('hls.js/package.json') as { version: string };

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

test('every file of the folder is served, and hls.js with its licence, and nothing else', () => {
  const files = readdirSync(new URL('./assets/', import.meta.url)).map((name) => `/assets/${name}`);
  const hls = [`/assets/hls-${hlsVersion}.js`, `/assets/hls-${hlsVersion}.license.txt`];
  assert.deepEqual([...assets.keys()].sort(), [...files, ...hls].sort());
});

test('assets fetch nothing from elsewhere', () => {
  // Names of an XML namespace and of a scheme of messages, which nobody fetches.
  const names = ['http://www.w3.org', 'https://aomedia.org'];
  for (const { contentType, body } of assets.values()) {
    if (contentType.startsWith('text/plain')) continue;
    const foreign = body.toString().match(/(?:https?:\/\/|(?<=["'`(])\/\/)[\w-]+\.[\w.-]+/g) ?? [];
    assert.deepEqual(
      foreign.filter((address) => !names.includes(address)),
      [],
    );
  }
});

test('every module that an asset imports is an asset', () => {
  for (const { contentType, body } of assets.values()) {
    if (!contentType.startsWith('text/javascript')) continue;
    for (const [, name] of body.toString().matchAll(/(?:from |import\(|hlsScript = )'\.\/([^']+)'/g))
      asset(name!);
  }
  assert.match(asset('hls-stream.js').body.toString(), /import\(hlsScript\)/);
});

test('hls.js is fetched when it is needed, kept for good, and names its licence', () => {
  const hls = asset(`hls-${hlsVersion}.js`);
  assert.match(assetHeaders(hls)['Cache-Control'] ?? '', /^public, max-age=\d{8}, immutable$/);
  const text = hls.body.toString();
  assert.match(
    text,
    new RegExp(`^/\\*! hls\\.js ${RegExp.escape(hlsVersion)}, .*hls-[\\d.]+\\.license\\.txt \\*/\\n`),
  );
  assert.doesNotMatch(text, /sourceMappingURL/);
  assert.match(asset(`hls-${hlsVersion}.license.txt`).body.toString(), /Apache License, Version 2\.0/);
  assert.equal(assetHeaders(asset('player.js'))['Cache-Control'], 'no-cache');
  for (const name of ['player.js', 'status-page.js', 'hls-stream.js'])
    assert.doesNotMatch(asset(name).body.toString(), /^import .*hls-\d/m);
});

test('an asset is compressed once', () => {
  const one = asset('player.js');
  assert.deepEqual(gunzipSync(one.gzip()), one.body);
  assert.equal(one.gzip(), one.gzip());
});

test('the player may be loaded by every site, and the page for frames framed by it', () => {
  assert.equal(assetHeaders(asset('player.js'))['Access-Control-Allow-Origin'], '*');
  assert.equal(assetHeaders(asset('player.js'))['Cross-Origin-Resource-Policy'], 'cross-origin');
  assert.match(embedHeaders()['Content-Security-Policy'] ?? '', /; frame-ancestors \*$/);
  assert.equal(embedHeaders()['X-Frame-Options'], undefined);
  assert.match(pageHeaders()['Content-Security-Policy'] ?? '', /; frame-ancestors 'none'$/);
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
