import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { MountStatusView } from '@legacystream/core/status/server-status.ts';
import { sampleMount, sampleServer, sampleStartMs } from '@legacystream/core/status/status-samples.ts';
import fc from 'fast-check';
import { loadPageAssets } from './page-assets.ts';
import { renderStatusPage } from './status-page.ts';

const nowMs = sampleStartMs + 8_042_000;

function page(mounts: readonly MountStatusView[], serverName = 'Radio Nordlicht'): string {
  return renderStatusPage({
    serverName,
    status: sampleServer(),
    mounts,
    hasHls: ({ codec }) => codec === 'mp3',
    ingestHost: 'radio.example:8000',
    nowMs,
  });
}

const full = sampleMount(
  {
    path: '/club/a & b.mp3',
    info: {
      name: 'Night Shift',
      description: 'Slow electronics',
      genre: 'Ambient',
      url: 'http://night.example/',
      bitrateKbps: 128,
      sampleRateHz: 44_100,
      channels: 2,
    },
  },
  { listeners: 1284, listenerPeak: 2310, listenUrl: 'http://radio.example/club/a%20%26%20b.mp3' },
  { display: 'Biosphere - Kobresia', title: 'Kobresia', artist: 'Biosphere', sinceMs: 1 },
);

test('a card tells what the stream is, what it plays and where to open it', () => {
  const html = page([full]);
  assert.match(html, />Night Shift<\/a><\/h2>/);
  for (const text of [
    'Slow electronics',
    'Ambient',
    'Biosphere - Kobresia',
    '1,284',
    '2,310',
    '128 kbit/s',
    '2 h 14 min',
  ]) {
    assert.ok(html.includes(`>${text}<`), text);
  }
  for (const suffix of ['', '.m3u', '.pls', '.xspf'])
    assert.ok(html.includes(`="/club/a%20%26%20b.mp3${suffix}"`));
  assert.ok(html.includes('data-listenurl="http://radio.example/club/a%20%26%20b.mp3"'));
  assert.match(
    html,
    /<legacystream-player src="[^"]+" type="audio\/mpeg" hls="[^"]+" name="Night Shift">\s*<audio controls/,
  );
});

test('HLS is linked, and named to the player, for the mounts that have it', () => {
  const withHls = page([full]);
  assert.equal(withHls.match(/="\/club\/a%20%26%20b\.mp3\/playlist\.m3u8"/g)?.length, 2);
  assert.match(withHls, /aria-label="HLS playlist"/);
  const without = page([sampleMount({ path: '/b.webm', codec: 'matroska' })]);
  assert.doesNotMatch(without, /playlist\.m3u8|HLS/);
  assert.match(without, / hls="" /);
});

test('the rows that scrapers of Icecast’s page read are there word for word', () => {
  const html = page([full]);
  const cell = (label: string, value: string): string =>
    `<tr><td>${label}</td><td class="streamstats">${value}`;
  assert.ok(html.includes('<h3 class="mount">Mount Point /club/a &amp; b.mp3</h3>'));
  for (const row of [
    '<tr><td>Stream Name:</td><td>Night Shift</td></tr>',
    '<tr><td>Stream Description:</td><td>Slow electronics</td></tr>',
    '<tr><td>Content Type:</td><td>audio/mpeg</td></tr>',
    `${cell('Stream started:', 'Sun, 22 Nov 2026 15:07:44 +0000')}</td></tr>`,
    `${cell('Bitrate:', '128')}</td></tr>`,
    `${cell('Listeners (current):', '1284')}</td></tr>`,
    `${cell('Listeners (peak):', '2310')}</td></tr>`,
    `${cell('Genre:', 'Ambient')}</td></tr>`,
    cell('Stream URL:', '<a href="http://night.example/"'),
    `${cell('Currently playing:', 'Biosphere - Kobresia')}</td></tr>`,
  ]) {
    assert.ok(html.includes(row), row);
  }
});

test('labels and their order are those of the page that Icecast sent', () => {
  const labelsOf = (text: string): string[] =>
    [...text.matchAll(/<tr><td>([^<]+:)<\/td>/g)].map((match) => match[1] ?? '');
  const icecast = readFileSync(
    new URL('../../../../test/fixtures/icecast-2.4.4/status-xsl.html', import.meta.url),
    'utf8',
  );
  const theirs = labelsOf(icecast.slice(0, icecast.indexOf('Mount Point /b.ogg')));
  assert.deepEqual(
    labelsOf(page([full])).filter((label) => label !== 'Bitrate:'),
    theirs,
  );
});

test('hidden and ended mounts are neither shown nor counted', () => {
  const hidden = sampleMount({ path: '/secret.mp3', hidden: true }, { listeners: 50 });
  const ended = sampleMount({ path: '/over.mp3', status: 'ended' }, { listeners: 50 });
  const html = page([hidden, full, ended]);
  assert.doesNotMatch(html, /secret|over\.mp3|1,3\d\d/);
  assert.ok(html.includes('<b data-total="streams">1</b>'));
  assert.ok(html.includes('<b data-total="listeners">1,284</b>'));
});

test('nothing on air: how to go on air, with a placeholder for the password', () => {
  const html = page([]);
  assert.match(html, /Nothing is on air/);
  assert.ok(html.includes('icecast://source:YOUR_PASSWORD@radio.example:8000/live.mp3'));
  assert.doesNotMatch(html, /class="card /);
});

test('a host that could break out of the command is not put into it', () => {
  const status = sampleServer();
  const hasHls = () => true;
  for (const ingestHost of ['x";rm -rf ~;"', '$(id):8000', 'a b', '', 'h:80:90']) {
    const html = renderStatusPage({ serverName: 'R', status, mounts: [], hasHls, ingestHost, nowMs });
    assert.ok(html.includes('YOUR_PASSWORD@localhost:8000/'), ingestHost);
  }
  const html = renderStatusPage({
    serverName: 'R',
    status,
    mounts: [],
    hasHls,
    ingestHost: '[2001:db8::1]:9000',
    nowMs,
  });
  assert.ok(html.includes('YOUR_PASSWORD@[2001:db8::1]:9000/'));
});

test('a script address is shown but never linked', () => {
  for (const url of [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,x',
    ' javascript:x',
    '//evil.example',
  ]) {
    const html = page([sampleMount({ info: { name: 'N', url } })]);
    assert.doesNotMatch(html, /href="\s*(?:javascript|data):/i);
    assert.doesNotMatch(html, /href="\/\/evil/);
  }
});

test('a mount that waits for its source says so', () => {
  assert.match(page([sampleMount({ status: 'lingering' })]), / data-lingering>/);
  assert.doesNotMatch(page([full]), / data-lingering/);
});

/** Every tag with its attribute names, and nothing that a user could have typed. */
function skeletonOf(html: string): string {
  const tags = html.match(/<[^<>]*>/g) ?? [];
  return tags.map((tag) => tag.replace(/"[^"]*"/g, '""')).join('');
}

test('whatever a user types, the page keeps its tags and attributes', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.constantFrom(
      '"><script>alert(1)</script>',
      "' onload='x",
      '</title><img src=x onerror=y>',
      '&quot;&lt;',
      '<!--',
    ),
  );
  const mountOf = (name: string, title: string): MountStatusView =>
    sampleMount(
      {
        contentType: `audio/${title}`,
        info: {
          name: `n${name}`,
          description: `d${title}`,
          genre: `g${name}`,
          url: `u${title}`,
          subtype: title,
        },
      },
      { listenUrl: `http://x/${title}` },
      { display: `t${title}` },
    );
  const plain = skeletonOf(page([mountOf('a', 'b')]));
  fc.assert(
    fc.property(text, text, (name, title) => {
      assert.equal(skeletonOf(page([mountOf(name, title)], `s${name}`)), plain);
    }),
    { numRuns: 100 },
  );
});

test('the strictest content policy fits: no inline script, style or handler, no foreign address', () => {
  const assets = loadPageAssets();
  for (const html of [page([full]), page([])]) {
    assert.doesNotMatch(html, /<style|\sstyle=|\son[a-z]+=/i);
    for (const [script] of html.matchAll(/<script[^>]*>/g)) assert.match(script, / src="\/assets\//);
    for (const match of html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g))
      assert.ok(assets.has(match[1] ?? ''));
    for (const match of html.matchAll(/<(?:script|link|img|audio)[^>]*(?:src|href)="([^"]+)"/g)) {
      assert.match(match[1] ?? '', /^\/(?!\/)/);
    }
  }
});

test('ids are unique and every reference to one has its target', () => {
  const html = page([full, sampleMount({ path: '/b' }), sampleMount({ path: '/b/c' })]);
  const ids = [...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
  assert.equal(new Set(ids).size, ids.length);
  for (const match of html.matchAll(/(?:aria-labelledby="|href="#)([^"]+)"/g))
    assert.ok(ids.includes(match[1]));
});
