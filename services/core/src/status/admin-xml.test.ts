import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { renderErrorHtml, renderSuccessHtml } from './admin-html.ts';
import {
  renderListClients,
  renderListMounts,
  renderResponse,
  renderStats,
  renderStreamList,
  renderUpdateMetadata,
} from './admin-xml.ts';
import { sampleMount, sampleServer, sampleStartMs } from './status-samples.ts';

const fixture = (name: string): string =>
  readFileSync(new URL(`../../../../test/fixtures/icecast-2.4.4/${name}`, import.meta.url), 'utf8');

/** Our renderers, told to sign as Icecast, must not differ by a byte. */
const icecast = { serverId: 'Icecast 2.4.4' };

const mountA = sampleMount(
  {
    info: {
      name: 'Name A',
      description: `Desc <&> "q" 'x'`,
      genre: 'Rock',
      url: 'http://a.example/',
      public: true,
    },
    bytesRead: 224_907,
  },
  { listeners: 1, listenerPeak: 1, bytesSent: 224_338 },
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
    bytesRead: 22_853,
  },
  {},
  { display: 'Art - 1984', artist: 'Art', title: '1984', sinceMs: 1 },
);

const hidden = sampleMount({
  path: '/hidden.mp3',
  hidden: true,
  startedAtMs: sampleStartMs + 11_000,
  bytesRead: 71_725,
});

const counters = {
  clientConnections: 11,
  clients: 4,
  connections: 14,
  listenerConnections: 1,
  listeners: 1,
  sourceClientConnections: 3,
  sourceTotalConnections: 3,
  sources: 3,
};

test('the statistics of an empty server are Icecast’s', () => {
  assert.equal(renderStats(sampleServer(icecast), []), fixture('stats-0.xml'));
});

test('the statistics of three mounts are Icecast’s, whatever order they come in', () => {
  const server = sampleServer({ ...icecast, ...counters });
  assert.equal(renderStats(server, [hidden, mountB, mountA]), fixture('stats-2.xml'));
});

test('one mount can be asked for, with a limit and declared audio figures', () => {
  const max = sampleMount({
    path: '/max.mp3',
    startedAtMs: sampleStartMs + 50_000,
    userAgent: 'curl/7.88.1',
    maxListeners: 25,
    bytesRead: 131_072,
    info: { name: 'Max', audioInfo: 'ice-samplerate=44100;ice-bitrate=128;ice-channels=2', bitrateKbps: 128 },
    nowPlaying: { display: '', title: '', artist: '', url: '', sinceMs: 1 },
  });
  const server = sampleServer({
    ...icecast,
    clientConnections: 36,
    clients: 8,
    connections: 42,
    listenerConnections: 3,
    listeners: 3,
    sourceClientConnections: 6,
    sourceTotalConnections: 6,
    sources: 5,
  });
  assert.equal(renderStats(server, [mountA, max], '/max.mp3'), fixture('stats-3-mount.xml'));
});

test('bare names in ice-audio-info stay bare', () => {
  const z = sampleMount({
    info: { audioInfo: 'samplerate=44100;bitrate=128;channels=2', sampleRateHz: 44_100 },
  });
  const xml = renderStats(sampleServer(), [z]);
  assert.match(xml, /<bitrate>128<\/bitrate><channels>2<\/channels><genre>/);
  assert.match(xml, /<samplerate>44100<\/samplerate>/);
  assert.doesNotMatch(xml, /ice-samplerate>/);
});

test('an unknown key of ice-audio-info cannot make an element', () => {
  const odd = sampleMount({ info: { audioInfo: 'listeners=99;<x>=1;=;bitrate=1e9999' } });
  const xml = renderStats(sampleServer(), [odd]);
  assertWellFormed(xml);
  assert.match(xml, /<listeners>0<\/listeners><listenurl>/);
  assert.match(xml, /<bitrate>1e9999<\/bitrate>/);
});

test('the list of mounts is Icecast’s', () => {
  const nowMs = sampleStartMs + 21_500;
  assert.equal(renderListMounts([], nowMs), fixture('listmounts-0.xml'));
  assert.equal(renderListMounts([hidden, mountA, mountB], nowMs), fixture('listmounts-2.xml'));
});

test('a fallback and an authenticator are shown where Icecast shows them', () => {
  const guarded = { ...mountA, fallback: '/b.ogg', authenticator: 'url' };
  assert.ok(
    renderListMounts([guarded], sampleStartMs).includes(
      '<fallback>/b.ogg</fallback><listeners>1</listeners><authenticator>url</authenticator><Connected>0</Connected>',
    ),
  );
  assert.ok(
    fixture('listmounts-fallback.xml').includes('<fallback>/b.ogg</fallback><listeners>3</listeners>'),
  );
});

test('the list of clients is Icecast’s', () => {
  const ip = '127.0.0.1';
  const clients = [
    { id: 5, ip, userAgent: 'Test/1.0 (a&b)', connectedSeconds: 54.9 },
    { id: 40, ip, userAgent: '', connectedSeconds: 5 },
    { id: 41, ip, userAgent: '', connectedSeconds: 5 },
  ];
  assert.equal(renderListClients('/b.ogg', []), fixture('listclients-0.xml'));
  assert.equal(renderListClients('/a.mp3', clients), fixture('listclients-3.xml'));
  const named = renderListClients('/a.mp3', [{ ...clients[0]!, username: 'fred' }]);
  assert.ok(named.includes('<ID>5</ID><username>fred</username></listener>'));
});

test('command outcomes are Icecast’s', () => {
  assert.equal(renderResponse('Metadata update successful', 1), fixture('response-metadata-ok.xml'));
  assert.equal(renderResponse('Client 99999 not found', 0), fixture('response-killclient-none.xml'));
  assert.equal(renderResponse('Source Removed', 1), fixture('response-killsource.xml'));
  assert.equal(renderUpdateMetadata('/a.mp3'), fixture('updatemetadata.xml'));
});

test('the stream list names public mounts only', () => {
  assert.equal(renderStreamList([hidden, mountB, mountA]), fixture('streamlist.txt'));
});

test('HTML answers are Icecast’s and escaped', () => {
  assert.equal(renderErrorHtml(400, 'Unrecognised command'), fixture('error-400.html'));
  assert.equal(renderErrorHtml(404, 'The file you requested could not be found'), fixture('error-404.html'));
  assert.equal(renderSuccessHtml('Fallback configured'), fixture('success-fallbacks.html'));
  assert.ok(!renderErrorHtml(400, '<script>').includes('<script>'));
});

test('an ended mount is in no list', () => {
  const ended = sampleMount({ status: 'ended' });
  assert.equal(renderListMounts([ended], 0), fixture('listmounts-0.xml'));
  assert.equal(renderStreamList([ended]), '');
});

test('whatever text users send, the XML is well-formed and keeps it', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  fc.assert(
    fc.property(text, text, text, (name, path, agent) => {
      const mount = sampleMount({
        path: `/${path}`,
        info: { name: `n${name}`, audioInfo: agent },
        userAgent: agent,
      });
      assertWellFormed(renderStats(sampleServer({ admin: name }), [mount]));
      assertWellFormed(
        renderListClients(path, [{ id: name, ip: agent, userAgent: agent, connectedSeconds: 1 }]),
      );
      assertWellFormed(renderResponse(name, 1));
      assert.equal(textOf(renderResponse(name, 1)), legal(name));
    }),
    { numRuns: 200 },
  );
});

/** A strict reader for what we write: no comments, no CDATA, no prefixes. */
function assertWellFormed(xml: string): void {
  assert.match(xml, /^<\?xml version="1\.0"\?>\n</);
  assert.ok(xml.isWellFormed(), 'no lone surrogates');
  assert.doesNotMatch(xml, /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\r]/);
  const open: string[] = [];
  let depthZeroElements = 0;
  const token = /<(\/?)([A-Za-z_][\w.-]*)((?: [A-Za-z_][\w.-]*="[^<"]*")*)(\/?)>|([^<]+)/y;
  const start = xml.indexOf('\n') + 1;
  token.lastIndex = start;
  while (token.lastIndex < xml.length) {
    const at = token.lastIndex;
    const match = token.exec(xml);
    assert.ok(match, `not a token at ${at}: ${xml.slice(at, at + 30)}`);
    const [, close, name, attributes, empty, content] = match;
    assertReferences(`${attributes ?? ''}${content ?? ''}`);
    if (content !== undefined) {
      if (open.length === 0) assert.equal(content, '\n');
      assert.ok(!content.includes('>'));
      continue;
    }
    if (close) assert.equal(open.pop(), name);
    else {
      if (open.length === 0) depthZeroElements += 1;
      if (!empty) open.push(name ?? '');
    }
  }
  assert.deepEqual(open, []);
  assert.equal(depthZeroElements, 1);
}

function assertReferences(text: string): void {
  assert.doesNotMatch(text, /&(?!(?:amp|lt|gt|quot|#39|#9|#10|#13);)/);
}

function textOf(response: string): string {
  const message = /<message>([^<]*)<\/message>/.exec(response)?.[1] ?? '';
  const characters: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&#13;': '\r' };
  return message.replace(/&[^;]+;/g, (reference) => characters[reference] ?? '?');
}

function legal(text: string): string {
  return text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '');
}
