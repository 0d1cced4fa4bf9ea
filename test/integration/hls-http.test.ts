/** HLS over HTTP as clients, caches and strangers use it, against the real server. */
import assert from 'node:assert/strict';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { forgeVorbisLink } from '../fixtures/audio/forge-containers.ts';
import { countingFormats } from '../support/counting-frames.ts';
import { basicAuth, CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { RawClient } from '../support/raw-client.ts';
import { ServerProcess } from '../support/server-process.ts';

type Reply = { status: number; headers: IncomingHttpHeaders; body: Buffer; text: string; socketId: number };

let server: ServerProcess;
const sources: CountingSource[] = [];
/** One connection, as a player keeps it. */
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

before(async () => {
  server = await ServerProcess.start({
    ini: [
      '[Hls]\nSegmentDuration=1\nWindow=6\nPartDuration=0.25\nCounting=off',
      '[Streaming]\nHoldTimeout=4\nLinger=2',
      '[Mount /plain.mp3]\nHls=false',
    ].join('\n'),
  });
  for (const [mount, format] of [
    ['/live.mp3', countingFormats.mp3At128],
    ['/plain.mp3', countingFormats.mp3At128],
    ['/live.aac', countingFormats.largeAac],
  ] as const) {
    sources.push(await CountingSource.start({ port: server.httpPort, mount, format }));
  }
});
after(async () => {
  agent.destroy();
  for (const source of sources) source.destroy();
  await server?.stop();
});

function ask(
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
  via?: Agent,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: server.httpPort, path, method, headers, timeout: 20_000 };
    const asked = request({ ...options, ...(via && { agent: via }) }, (response) => {
      const parts: Buffer[] = [];
      const socketId = response.socket.localPort ?? 0;
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        const body = Buffer.concat(parts);
        const { statusCode: status = 0, headers: replied } = response;
        resolve({ status, headers: replied, body, text: body.toString(), socketId });
      });
    });
    asked
      .on('error', reject)
      .on('timeout', () => asked.destroy(new Error(`${path} timed out`)))
      .end();
  });
}

const uris = (playlist: string) =>
  playlist.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const attribute = (text: string, name: string) => new RegExp(`${name}="?([^",\n]+)`).exec(text)?.[1];
const msnOf = (playlist: string) => Number(/MEDIA-SEQUENCE:(\d+)/.exec(playlist)![1]);

/** The media playlist of a mount once it lists a few segments. */
function playlistOf(mount: string, segments = 3): Promise<string> {
  return eventually(
    `${mount} has ${segments} segments`,
    async () => {
      const { status, text } = await ask(`${mount}/hls/source/live.m3u8`);
      return status === 200 && uris(text).length >= segments && text;
    },
    20_000,
  );
}

describe('what a player is given', () => {
  test('a multivariant playlist names the variant with its bandwidth and codec', async () => {
    const reply = await ask('/live.mp3/playlist.m3u8');
    assert.equal(reply.status, 200);
    assert.equal(reply.headers['content-type'], 'application/vnd.apple.mpegurl');
    assert.equal(reply.headers['access-control-allow-origin'], '*');
    assert.match(
      reply.text,
      /^#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=1[34]\d000,AVERAGE-BANDWIDTH=1[23]\d000,CODECS="mp4a\.40\.34"\nhls\/source\/live\.m3u8\n$/,
    );
  });

  test('segments are whole, immutable, and those of MP3 begin with their time', async () => {
    const [uri] = uris(await playlistOf('/live.mp3'));
    const reply = await ask(`/live.mp3/hls/source/${uri}`);
    assert.equal(reply.status, 200);
    assert.equal(reply.headers['content-type'], 'audio/mpeg');
    assert.equal(reply.headers['cache-control'], 'public, max-age=31536000, immutable');
    assert.equal(Number(reply.headers['content-length']), reply.body.byteLength);
    assert.equal(reply.body.toString('latin1', 0, 3), 'ID3');
    assert.ok(reply.body.includes('com.apple.streaming.transportStreamTimestamp'));
  });

  test('parts make up their segment, byte for byte', async () => {
    const playlist = await playlistOf('/live.aac');
    const whole = uris(playlist)[1]!;
    const stem = whole.replace('.m4s', '.');
    const parts = [...playlist.matchAll(/#EXT-X-PART:.*?URI="([^"]+)"/g)].map(([, uri]) => uri!);
    const own = parts.filter((uri) => uri.startsWith(stem));
    assert.ok(own.length >= 4);
    const bodies = await Promise.all(own.map(async (uri) => (await ask(`/live.aac/hls/source/${uri}`)).body));
    const reply = await ask(`/live.aac/hls/source/${whole}`);
    assert.deepEqual(Buffer.concat(bodies), reply.body);
    assert.equal(reply.headers['content-type'], 'audio/mp4');
    const init = await ask(`/live.aac/hls/source/${attribute(playlist, 'EXT-X-MAP:URI')}`);
    assert.equal(init.status, 200);
    assert.equal(init.body.toString('latin1', 4, 8), 'ftyp');
  });

  test('a connection serves one request after the other, of any kind', async () => {
    const [uri] = uris(await playlistOf('/live.mp3'));
    const used = new Set<number>();
    for (const path of [
      '/live.mp3/playlist.m3u8',
      '/live.mp3/hls/source/live.m3u8',
      `/live.mp3/hls/source/${uri}`,
      '/live.mp3/hls/source/nothing.mp3',
      '/status-json.xsl',
    ]) {
      used.add((await ask(path, {}, 'GET', agent)).socketId);
    }
    assert.equal(used.size, 1);
  });

  test('requests sent ahead are answered in order', async () => {
    const client = await RawClient.connect(server.httpPort);
    const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
    client.write(
      get('/live.mp3/playlist.m3u8') +
        get('/live.mp3/hls/source/nothing.mp3') +
        get('/live.mp3/hls/source/live.m3u8', 'Connection: close\r\n'),
    );
    const text = (await client.closed()).toString('latin1');
    assert.deepEqual(
      [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
      ['200', '404', '200'],
    );
    client.destroy();
  });

  test('HTTP/1.0 closes unless it asks otherwise', async () => {
    const text = await RawClient.exchange(server.httpPort, 'GET /live.mp3/playlist.m3u8 HTTP/1.0\r\n\r\n');
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*Connection: close\r\n/);
  });
});

describe('what caches are told', () => {
  test('playlists live for moments, those that were waited for longer', async () => {
    const playlist = await playlistOf('/live.aac');
    const plain = await ask('/live.aac/hls/source/live.m3u8');
    assert.equal(plain.headers['cache-control'], 'public, max-age=1');
    assert.ok(plain.headers['etag'] && plain.headers['date']);
    const waited = await ask(`/live.aac/hls/source/live.m3u8?_HLS_msn=${msnOf(playlist)}`);
    assert.equal(waited.headers['cache-control'], 'public, max-age=6');
    assert.equal(
      (await ask('/live.mp3/hls/source/nothing.mp3')).headers['cache-control'],
      'public, max-age=1',
    );
  });

  test('who has it already is told so', async () => {
    const [uri] = uris(await playlistOf('/live.mp3'));
    const path = `/live.mp3/hls/source/${uri}`;
    const { headers } = await ask(path);
    const again = await ask(path, { 'If-None-Match': `W/"x", ${headers['etag']}` });
    assert.deepEqual([again.status, again.body.byteLength], [304, 0]);
    assert.equal(again.headers['cache-control'], headers['cache-control']);
    assert.equal((await ask(path, { 'If-None-Match': '"another"' })).status, 200);
  });

  test('playlists are compressed for who takes it, as a representation of their own', async () => {
    await playlistOf('/live.mp3');
    // Both must be of the same moment.
    await eventually('the two agree', async () => {
      const [zipped, plain] = await Promise.all([
        ask('/live.mp3/hls/source/live.m3u8', { 'Accept-Encoding': 'gzip, br' }),
        ask('/live.mp3/hls/source/live.m3u8'),
      ]);
      assert.equal(zipped.headers['content-encoding'], 'gzip');
      assert.equal(plain.headers['content-encoding'], undefined);
      assert.equal(plain.headers['vary'], 'Accept-Encoding');
      assert.notEqual(zipped.headers['etag'], plain.headers['etag']);
      return gunzipSync(zipped.body).equals(plain.body);
    });
  });

  test('HEAD has the head of GET and no body; ranges are cut', async () => {
    const [uri] = uris(await playlistOf('/live.mp3'));
    const path = `/live.mp3/hls/source/${uri}`;
    const whole = await ask(path);
    const head = await ask(path, {}, 'HEAD');
    assert.deepEqual([head.status, head.body.byteLength], [200, 0]);
    assert.equal(head.headers['content-length'], whole.headers['content-length']);
    const part = await ask(path, { Range: 'bytes=10-19' });
    assert.equal(part.status, 206);
    assert.equal(part.headers['content-range'], `bytes 10-19/${whole.body.byteLength}`);
    assert.deepEqual(part.body, whole.body.subarray(10, 20));
    assert.equal((await ask(path, { Range: 'bytes=9999999-' })).status, 416);
  });

  test('a script of any site may ask first', async () => {
    const reply = await ask(
      '/live.mp3/hls/source/live.m3u8',
      { Origin: 'https://elsewhere.example' },
      'OPTIONS',
    );
    assert.equal(reply.status, 204);
    assert.equal(reply.headers['access-control-allow-origin'], '*');
  });
});

describe('waiting for what is next', () => {
  test('a segment, a part and a hinted part are held until they are there', async () => {
    const playlist = await playlistOf('/live.aac');
    const next = msnOf(playlist) + uris(playlist).length + 1;
    const segment = await ask(`/live.aac/hls/source/live.m3u8?_HLS_msn=${next}`);
    assert.equal(segment.status, 200);
    assert.ok(msnOf(segment.text) + uris(segment.text).length > next);
    const hint = attribute(segment.text, 'PRELOAD-HINT:TYPE=PART,URI')!;
    const [part, listing] = await Promise.all([
      ask(`/live.aac/hls/source/${hint}`),
      ask(`/live.aac/hls/source/live.m3u8?_HLS_msn=${next + 1}&_HLS_part=0`),
    ]);
    assert.equal(part.status, 200, hint);
    assert.match(listing.text, new RegExp(`-${next + 1}\\.0\\.m4s`));
  });

  test('deltas leave out what the client has', async () => {
    await playlistOf('/live.aac', 6);
    const full = await ask('/live.aac/hls/source/live.m3u8');
    const delta = await ask('/live.aac/hls/source/live.m3u8?_HLS_skip=YES');
    assert.equal(delta.status, 200);
    assert.ok(delta.text.length <= full.text.length);
  });

  test('questions that make no sense, or look too far ahead, are refused at once', async () => {
    const playlist = await playlistOf('/live.aac');
    const last = msnOf(playlist) + uris(playlist).length - 1;
    const startedMs = performance.now();
    for (const query of [
      '_HLS_part=1',
      '_HLS_msn=x',
      `_HLS_msn=${last + 20}`,
      `_HLS_msn=${last + 1}&_HLS_part=99`,
    ]) {
      assert.equal((await ask(`/live.aac/hls/source/live.m3u8?${query}`)).status, 400, query);
    }
    assert.ok(performance.now() - startedMs < 2_000);
  });

  test('hundreds who wait at once are all answered', async () => {
    const playlist = await playlistOf('/live.aac');
    const next = msnOf(playlist) + uris(playlist).length + 1;
    const replies = await Promise.all(
      Array.from({ length: 300 }, () => ask(`/live.aac/hls/source/live.m3u8?_HLS_msn=${next}`)),
    );
    assert.ok(replies.every(({ status }) => status === 200));
    assert.equal(new Set(replies.map(({ text }) => text)).size <= 2, true, 'all of the same moment or two');
  });
});

describe('what is not there', () => {
  test('is answered like an unknown mount, without a wait', async () => {
    await playlistOf('/live.mp3');
    const unknown = await ask('/nowhere/playlist.m3u8');
    assert.equal(unknown.status, 404);
    for (const path of [
      '/live.mp3/hls/source/zzz-1.mp3',
      '/live.mp3/hls/source/1-1.mp3',
      '/live.mp3/hls/source/init-0123456789abcdef.mp4',
      '/live.mp3/hls/source/init-0123456789abcdef.mp4.mp4',
      '/live.mp3/hls/other/live.m3u8',
      '/plain.mp3/playlist.m3u8',
      '/plain.mp3/hls/source/live.m3u8',
      '/nowhere/hls/source/live.m3u8',
    ]) {
      const startedMs = performance.now();
      const reply = await ask(path);
      assert.deepEqual([reply.status, reply.text], [404, unknown.text], path);
      assert.ok(performance.now() - startedMs < 1_000, path);
    }
  });

  test('tricks with paths find nothing', async () => {
    for (const path of [
      '/live.mp3/hls/source/../../../etc/passwd',
      '/live.mp3/hls/source/%2e%2e%2f%2e%2e%2fpasswd',
      '/live.mp3/hls/source/..%5c..%5cx.mp3',
      '/live.mp3/hls/source/x%00.mp3',
      '/live.mp3/../live.mp3/playlist.m3u8',
      '//live.mp3/playlist.m3u8',
    ]) {
      assert.equal((await ask(path)).status, 404, path);
    }
  });

  test('a flood of invented segments is answered fast', async () => {
    const playlist = await playlistOf('/live.mp3');
    const epoch = uris(playlist)[0]!.split('-')[0]!;
    const startedMs = performance.now();
    const replies = await Promise.all(
      Array.from({ length: 500 }, (_, i) => ask(`/live.mp3/hls/source/${epoch}-${i}.mp3`)),
    );
    assert.ok(replies.every(({ status }) => status === 404));
    assert.ok(performance.now() - startedMs < 10_000);
    assert.equal((await ask('/live.mp3/hls/source/live.m3u8')).status, 200);
  });

  test('a codec that HLS has no place for is told', async () => {
    const client = await RawClient.connect(server.httpPort);
    client.write(`PUT /live.ogg HTTP/1.1\r\nHost: x\r\n${basicAuth()}\r\nContent-Type: audio/ogg\r\n\r\n`);
    client.write(Buffer.concat(forgeVorbisLink(1, [], [1024, 2048, 3072, 4096])));
    const reply = await eventually('the codec is known', async () => {
      const one = await ask('/live.ogg/playlist.m3u8');
      return one.text.includes('rendition') && one;
    });
    assert.equal(reply.status, 404);
    assert.match(reply.text, /ogg-vorbis cannot be served as HLS/);
    client.destroy();
  });
});

test('a mount that has ended says so, and then is gone', async () => {
  const source = await CountingSource.start({ port: server.httpPort, mount: '/short.mp3' });
  await playlistOf('/short.mp3', 2);
  await source.end();
  const last = await eventually('the list is closed', async () => {
    const { text } = await ask('/short.mp3/hls/source/live.m3u8');
    return text.includes('#EXT-X-ENDLIST') && text;
  });
  assert.ok(!last.includes('PRELOAD-HINT'));
  assert.equal((await ask(`/short.mp3/hls/source/${uris(last)[0]}`)).status, 200, 'what it lists is there');
  await eventually(
    'it is gone',
    async () => (await ask('/short.mp3/hls/source/live.m3u8')).status === 404,
    20_000,
  );
});
