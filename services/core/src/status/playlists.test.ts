import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeMountPath, listenUrlOf } from './listen-url.ts';
import { renderM3u, renderPls, renderXspf } from './playlists.ts';
import { renderSevenXsl } from './seven-xsl.ts';
import { sampleMount } from './status-samples.ts';

const fixture = (name: string): string =>
  readFileSync(new URL(`../../../../test/fixtures/icecast-2.4.4/${name}`, import.meta.url), 'utf8');

const url = 'http://localhost:18244/a.mp3';

test('M3U without a name is Icecast’s one line', () => {
  const playlist = renderM3u('http://127.0.0.1:18244/a.mp3');
  assert.equal(playlist.body, fixture('mount.m3u'));
  assert.equal(playlist.contentType, 'audio/x-mpegurl');
});

test('M3U with a name is extended', () => {
  assert.equal(renderM3u(url, 'Café').body, `#EXTM3U\r\n#EXTINF:-1,Café\r\n${url}\r\n`);
});

test('PLS has one endless entry', () => {
  const playlist = renderPls(url, 'Name A');
  assert.equal(playlist.contentType, 'audio/x-scpls');
  assert.equal(
    playlist.body,
    `[playlist]\nNumberOfEntries=1\nFile1=${url}\nTitle1=Name A\nLength1=-1\nVersion=2\n`,
  );
});

test('XSPF is Icecast’s', () => {
  const info = { name: 'Name A', description: `Desc <&> "q" 'x'`, genre: 'Rock', url: 'http://a.example/' };
  const a = sampleMount(
    { info },
    { listeners: 1, listenerPeak: 1 },
    { display: 'Artist & Co - "Title" <1>' },
  );
  assert.equal(renderXspf(url, a).body, fixture('mount.xspf'));
  const z = sampleMount({ path: '/Z.mp3', info: { audioInfo: 'samplerate=44100;bitrate=128;channels=2' } });
  assert.equal(renderXspf('http://localhost:18244/Z.mp3', z).body, fixture('mount-bitrate.xspf'));
});

test('no name and no address can add a line', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  fc.assert(
    fc.property(text, text, (name, address) => {
      const m3u = renderM3u(`http://x/${address}`, `n${name}`).body;
      assert.equal(m3u.split(/[\r\n\u0085\u2028\u2029]+/).length, 4);
      const pls = renderPls(`http://x/${address}`, name).body;
      assert.equal(pls.split(/[\r\n\u0085\u2028\u2029]+/).length, 7);
      assert.match(pls, /^File1=http:\/\/x\/[\x21-\x7e]*$/m);
    }),
    { numRuns: 200 },
  );
});

test('mount paths are percent-encoded once and read back', () => {
  assert.equal(
    listenUrlOf('https://radio.example/', '/rádio live#1?.mp3'),
    'https://radio.example/r%C3%A1dio%20live%231%3F.mp3',
  );
  assert.equal(encodeMountPath('/a/b%20.ogg'), '/a/b%2520.ogg');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (name) => {
      assert.equal(decodeURIComponent(new URL(listenUrlOf('http://x', `/m${name}`)).pathname), `/m${name}`);
    }),
  );
});

test('/7.xsl gives the first public mount on one line', () => {
  const mount = sampleMount(
    { info: { bitrateKbps: 128 }, maxListeners: 25 },
    { listeners: 3, listenerPeak: 9 },
    { display: 'A & B - One, two\r\nthree' },
  );
  const hidden = sampleMount({ path: '/0', hidden: true });
  const vorbis = sampleMount({ path: '/b.ogg', codec: 'ogg-vorbis', info: { bitrateKbps: 96 } });
  assert.equal(renderSevenXsl([vorbis, mount, hidden]), '3,1,9,25,3,128,A &amp; B - One, two three\n');
  assert.equal(renderSevenXsl([vorbis, mount], '/b.ogg'), '0,1,0,unlimited,0,96,\n');
  assert.equal(renderSevenXsl([hidden]), '');
  assert.equal(renderSevenXsl([sampleMount()]), '0,1,0,unlimited,0,,\n');
});
