import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { renderStatusJson } from './status-json.ts';
import { sampleMount, sampleServer, sampleStartMs } from './status-samples.ts';

const fixture = (name: string): string =>
  readFileSync(new URL(`../../../../test/fixtures/icecast-2.4.4/${name}`, import.meta.url), 'utf8');

const server = sampleServer({ serverId: 'Icecast 2.4.4' });

const mountA = sampleMount(
  {
    info: {
      name: 'Name A',
      description: `Desc <&> "q" 'x'`,
      genre: 'Rock',
      url: 'http://a.example/',
      public: true,
    },
  },
  { listeners: 1, listenerPeak: 1, listenerConnections: 7, slowListeners: 1, bytesSent: 5 },
  { display: 'Artist & Co - "Title" <1>', title: 'Artist & Co - "Title" <1>', sinceMs: 1 },
);

const mountB = sampleMount(
  {
    path: '/b.ogg',
    codec: 'ogg-vorbis',
    contentType: 'application/ogg',
    startedAtMs: sampleStartMs + 11_000,
    info: {
      name: '007',
      genre: '1984',
      bitrateKbps: 96,
      sampleRateHz: 44_100,
      channels: 2,
      subtype: 'Vorbis',
    },
  },
  {},
  { display: 'Art - 1984', artist: 'Art', title: '1984', sinceMs: 1 },
);

const hidden = sampleMount({ path: '/hidden.mp3', hidden: true });

/** Icecast makes numbers of texts that look like one; we never do. */
const quoteTexts = (json: string): string => json.replace(/"(genre|title)":1984/g, '"$1":"1984"');

test('nothing on air: no source key, and the server ends with the dummy', () => {
  assert.equal(renderStatusJson(server, []), fixture('status-json-0.json'));
  assert.equal(renderStatusJson(server, [hidden]), fixture('status-json-0.json'));
});

test('one source is an object', () => {
  assert.equal(renderStatusJson(server, [mountA, hidden]), fixture('status-json-1.json'));
});

test('two sources are an array in the order of their paths', () => {
  assert.equal(renderStatusJson(server, [mountB, hidden, mountA]), quoteTexts(fixture('status-json-2.json')));
});

test('a mount can be asked for; an unknown or hidden one looks the same', () => {
  const mounts = [mountA, mountB, hidden];
  assert.equal(renderStatusJson(server, mounts, '/b.ogg'), quoteTexts(fixture('status-json-2-mount.json')));
  assert.equal(renderStatusJson(server, mounts, '/nope'), fixture('status-json-2-unknown-mount.json'));
  assert.equal(renderStatusJson(server, mounts, '/hidden.mp3'), fixture('status-json-2-unknown-mount.json'));
});

test('declared audio figures stand where Icecast puts them', () => {
  const max = sampleMount({
    path: '/max.mp3',
    startedAtMs: sampleStartMs + 50_000,
    info: { name: 'Max', audioInfo: 'ice-samplerate=44100;ice-bitrate=128;ice-channels=2', bitrateKbps: 128 },
  });
  const ours = renderStatusJson(server, [max]).replace(/,"dummy":null\}\}\}$/, '');
  const theirs = fixture('status-json-invalid.txt');
  const object = ours.slice(ours.indexOf('"source":') + '"source":'.length);
  assert.ok(theirs.includes(object));
});

test('a title with control characters stays valid JSON where Icecast’s is not', () => {
  assert.throws(() => JSON.parse(fixture('status-json-invalid.txt')));
  const title = 'T\u0001\u001b\u007f\u0085\tx\r\ny\ud800';
  const json = renderStatusJson(server, [sampleMount({}, {}, { display: title })]);
  assert.doesNotMatch(json, /[\u0000-\u001f\u007f-\u009f\r\n]/);
  assert.equal(JSON.parse(json).icestats.source.title, title.toWellFormed());
});

test('texts that look like other things stay texts', () => {
  for (const text of ['1984', '007', 'true', 'FALSE', 'null', '1e5', '-1', '{}']) {
    const mount = sampleMount(
      { info: { name: text, description: text, genre: text, url: text, audioInfo: `ice-quality=${text}x` } },
      {},
      { display: text, sinceMs: 1 },
    );
    const { source } = JSON.parse(renderStatusJson(server, [mount])).icestats;
    for (const key of ['server_name', 'server_description', 'genre', 'server_url', 'title', 'ice-quality']) {
      assert.equal(typeof source[key], 'string', key);
    }
    assert.equal(typeof source.listeners, 'number');
  }
});

test('an emptied title is an empty text, a title never set is absent', () => {
  const titleOf = (sinceMs: number): unknown =>
    JSON.parse(renderStatusJson(server, [sampleMount({}, {}, { sinceMs })])).icestats.source.title;
  assert.equal(titleOf(1), '');
  assert.equal(titleOf(0), undefined);
});

test('a mount that waits for its source says so after Icecast’s fields', () => {
  const waiting = sampleMount({ status: 'lingering' }, {}, { display: 'T' });
  assert.match(renderStatusJson(server, [waiting]), /"title":"T","status":"lingering","dummy":null\}\}\}$/);
  assert.doesNotMatch(renderStatusJson(server, [mountA]), /"status"/);
});

test('any text and any number give valid JSON on one line that reads back', () => {
  const text = fc.string({ unit: 'binary', maxLength: 30 });
  fc.assert(
    fc.property(text, text, fc.double(), (a, b, n) => {
      const mount = sampleMount(
        {
          path: `/${a}`,
          codec: 'ogg-vorbis',
          info: { name: `n${a}`, genre: b, audioInfo: b, bitrateKbps: n },
        },
        { listeners: n, listenerPeak: -n },
        { display: a, title: b, artist: a, sinceMs: 1 },
      );
      const json = renderStatusJson(sampleServer({ admin: b, startedAtMs: n }), [mount, mountB]);
      assert.doesNotMatch(json, /[\u0000-\u001f]/);
      const { icestats } = JSON.parse(json);
      assert.equal(icestats.admin, b.toWellFormed());
      assert.equal(icestats.source.length, 2);
      assert.ok(
        icestats.source.some((s: { server_name: string }) => s.server_name === `n${a}`.toWellFormed()),
      );
    }),
    { numRuns: 200 },
  );
});
