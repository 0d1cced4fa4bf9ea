/**
 * What listeners are answered, to the byte: heads and their versions, requests that browsers
 * and scripts make, mounts that have no audio yet, limits, bursts, playlists.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { countingFormats } from '../support/counting-frames.ts';
import { readCountingFrames } from '../support/counting-reader.ts';
import { CountingSource, type CountingSourceOptions } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { metricOf, statusOf } from '../support/server-views.ts';
import { StreamClient, type StreamRequest } from '../support/stream-client.ts';

const holdSeconds = 1.5;
const ini = `
[Streaming]
Linger=0
[Mount /live.mp3]
DefaultLatency=2
BufferSize=4000000
[Mount /bytes.mp3]
DefaultLatency=30
BufferSize=16384
[Mount /hidden.mp3]
Hidden=true
[Mount /few.mp3]
MaxListeners=2
[Mount /declared.mp3]
HoldTimeout=${holdSeconds}
[Mount /late.mp3]
HoldTimeout=20
[Mount /silent.mp3]
HoldTimeout=${holdSeconds}
`;
const names = [
  'ice-name: Radio Ünï',
  'ice-genre: Jazz',
  'ice-url: https://radio.example/',
  'ice-description: All day',
  'ice-public: 1',
  'ice-bitrate: 128',
  'ice-audio-info: samplerate=48000;channels=2',
];

let server: ServerProcess;
const sources: CountingSource[] = [];

async function goOnAir(mount: string, options: Partial<CountingSourceOptions> = {}): Promise<CountingSource> {
  const source = await CountingSource.start({
    port: server.httpPort,
    mount,
    password: sourcePassword,
    ...options,
  });
  sources.push(source);
  return source;
}

const open = (path: string, request: Partial<StreamRequest> = {}) =>
  StreamClient.open({ port: server.httpPort, path, ...request });
const ask = (path: string, request: Partial<StreamRequest> = {}) =>
  StreamClient.ask({ port: server.httpPort, path, ...request });

const framesOf = (body: Buffer) => readCountingFrames(body, countingFormats.mp3At128);

/** The body is nothing but whole frames, one after the other. */
async function assertPlays(client: StreamClient, frames = 20): Promise<readonly number[]> {
  const body = await client.receive(frames * countingFormats.mp3At128.frameBytes);
  const { numbers, gaps, tornBytes, zeroBytes } = framesOf(body);
  assert.deepEqual({ tornBytes, zeroBytes, gaps }, { tornBytes: 0, zeroBytes: 0, gaps: [] });
  assert.ok(numbers.length >= frames);
  return numbers;
}

before(async () => {
  server = await ServerProcess.start({ ini });
  await goOnAir('/live.mp3', { headers: names, headStartMs: 6_000 });
});

after(async () => {
  for (const source of sources) source.destroy();
  await server.stop();
});

describe('the head of a stream', () => {
  for (const version of ['HTTP/1.0', 'HTTP/1.1'] as const) {
    test(`answers ${version} in kind, closed by its end and never chunked`, async () => {
      const client = await open('/live.mp3', { version });
      const head = await client.head();
      assert.equal(head.status, 200);
      assert.equal(head.version, version);
      assert.match(head.headers.get('server') ?? '', /^LegacyStream \d+\.\d+\.\d+$/);
      assert.equal(head.headers.get('connection'), 'close');
      assert.equal(head.headers.get('content-type'), 'audio/mpeg');
      assert.equal(head.headers.get('cache-control'), 'no-cache, no-store');
      assert.equal(head.headers.get('access-control-allow-origin'), '*');
      assert.match(head.headers.get('access-control-expose-headers') ?? '', /\bicy-metaint\b/);
      assert.ok(Math.abs(Date.parse(head.headers.get('date') ?? '') - Date.now()) < 60_000);
      for (const name of ['transfer-encoding', 'content-length', 'content-range', 'icy-metaint']) {
        assert.ok(!head.headers.has(name), name);
      }
      await assertPlays(client);
      client.close();
    });
  }

  test('says of the stream what its source said, in alphabetical order and without a space', async () => {
    const client = await open('/live.mp3', { headers: ['Icy-MetaData: 1'] });
    const { text } = await client.head();
    assert.deepEqual(
      text.split('\r\n').filter((line) => /^ic[ey]-/.test(line)),
      [
        'ice-audio-info:samplerate=48000;channels=2',
        'icy-br:128',
        'icy-description:All day',
        'icy-genre:Jazz',
        'icy-name:Radio Ünï',
        'icy-pub:1',
        'icy-url:https://radio.example/',
        'icy-metaint:16000',
      ],
    );
    client.close();
  });

  test('has an interval only for who asks for titles', async () => {
    for (const [value, wanted] of [
      ['1', true],
      ['2', true],
      ['0', false],
      ['no', false],
    ] as const) {
      const client = await open('/live.mp3', { headers: [`icy-metadata: ${value}`] });
      assert.equal((await client.head()).headers.has('icy-metaint'), wanted, value);
      client.close();
    }
  });

  test('is the same for HEAD, which is no listener', async () => {
    const before = await metricOf(server, 'legacystream_edge_listener_connections_total');
    const client = await open('/live.mp3');
    const { text } = await client.head();
    const head = await ask('/live.mp3', { method: 'HEAD' });
    // The place in the stream is that of the body, of which there is none.
    const common = (lines: string) =>
      lines.replace(/^(?:Date|X-LegacyStream-(?:Position|Lead)):.*\r?\n?/gm, '');
    assert.equal(common(head.text).trimEnd(), common(text).trimEnd());
    assert.equal(head.body, '');
    assert.equal(await metricOf(server, 'legacystream_edge_listener_connections_total'), before + 1);
    client.close();
  });

  for (const range of ['bytes=0-', 'bytes=0-1', 'bytes=1000-']) {
    test(`is that of the whole stream though ${range} was asked for`, async () => {
      const client = await open('/live.mp3', { headers: [`Range: ${range}`] });
      const head = await client.head();
      assert.equal(head.status, 200);
      assert.ok(!head.headers.has('content-range'));
      await assertPlays(client);
      client.close();
    });
  }
});

describe('browsers and scripts', () => {
  test('a preflight is answered for any origin, and the connection goes on to the stream', async () => {
    const client = await open('/live.mp3', {
      method: 'OPTIONS',
      headers: [
        'Origin: https://player.example',
        'Access-Control-Request-Method: GET',
        'Access-Control-Request-Headers: icy-metadata',
      ],
    });
    const { status, headers } = await client.head();
    assert.equal(status, 204);
    assert.equal(headers.get('access-control-allow-origin'), '*');
    assert.match(headers.get('access-control-allow-headers') ?? '', /\bIcy-MetaData\b/);
    assert.match(headers.get('access-control-allow-methods') ?? '', /\bGET\b/);
    client.request({ path: '/live.mp3', headers: ['Origin: https://player.example'] });
    assert.equal((await client.head()).status, 200);
    await assertPlays(client);
    client.close();
  });

  test('a stream may follow pages on one connection', async () => {
    const client = await open('/');
    assert.match((await client.answer()).body, /<!DOCTYPE html>/i);
    client.request({ path: '/status-json.xsl' });
    assert.ok(JSON.parse((await client.answer()).body));
    client.request({ path: '/live.mp3', method: 'OPTIONS', headers: ['Origin: null'] });
    assert.equal((await client.answer()).status, 204);
    client.request({ path: '/7.xsl' });
    assert.equal((await client.answer()).status, 200);
    client.request({ path: '/live.mp3' });
    const head = await client.head();
    assert.equal(head.status, 200);
    assert.ok(!head.headers.has('transfer-encoding'));
    await assertPlays(client, 80);
    client.close();
  });

  test('a page and a stream may be asked for in one piece', async () => {
    const client = StreamClient.send({
      port: server.httpPort,
      path: '/7.xsl',
      headers: ['Host: a', '', 'GET /live.mp3 HTTP/1.1', 'Host: radio.test'],
    });
    await client.answer();
    const rest = await eventually('the stream after the page', () => {
      const at = client.body.indexOf('\r\n\r\n');
      const audio = client.body.subarray(at + 4);
      return at >= 0 && audio.length > 20_000 && audio;
    });
    assert.match(client.body.toString('latin1'), /HTTP\/1\.1 200 OK\r\nServer: LegacyStream/);
    const { gaps, tornBytes } = framesOf(rest);
    assert.deepEqual([tornBytes, gaps], [0, []]);
    client.close();
  });

  test('what a listener sends after its request disturbs nobody', async () => {
    const client = await open('/live.mp3');
    client.raw.write('GET /live.mp3 HTTP/1.1\r\n\r\n\xff\0nonsense\r\n'.repeat(50));
    await assertPlays(client, 120);
    client.close();
  });

  test('a request in one piece with that for a stream is not answered into it', async () => {
    const client = await open('/');
    await client.answer();
    client.request({
      path: '/live.mp3',
      headers: ['Host: a', '', 'GET / HTTP/1.1', 'Host: a', '', 'GET /live.mp3 HTTP/1.1', 'Host: a'],
    });
    assert.equal((await client.head()).status, 200);
    await assertPlays(client, 120);
    client.close();
  });

  test('a listener who leaves is no longer counted', async () => {
    const client = await open('/live.mp3');
    await statusOf(server, '/live.mp3', ({ listeners }) => listeners === 1);
    client.close();
    await statusOf(server, '/live.mp3', ({ listeners }) => listeners === 0);
  });
});

describe('a mount that is not there', () => {
  test('is answered the same whether it never was, was, is a strange path or a playlist', async () => {
    const source = await goOnAir('/hidden.mp3');
    const client = await open('/hidden.mp3');
    await assertPlays(client);
    await source.end();
    await client.raw.closed();
    const paths = [
      '/missing.mp3',
      '/ended.mp3',
      '/..%2fetc/passwd',
      '/%2e%2e/x',
      '/a%00b',
      '/live.mp3/',
      '/x.m3u',
    ];
    const answers = await Promise.all(paths.map((path) => ask(path)));
    for (const [i, answer] of answers.entries()) {
      assert.equal(answer.status, 404, paths[i]);
      assert.equal(answer.body, answers[0]?.body, paths[i]);
      assert.match(answer.headers.get('content-type') ?? '', /^text\/html/);
      assert.equal(answer.headers.get('access-control-allow-origin'), '*', paths[i]);
    }
    assert.equal(
      answers[0]?.body,
      '<html><head><title>Error 404</title></head><body><b>404 - The file you requested could not be found</b></body></html>\r\n',
    );
  });

  test('is in no list while it is hidden, asked for by name or not', async () => {
    const source = await goOnAir('/hidden.mp3');
    const unknown = {
      json: (await ask('/status-json.xsl?mount=/none.mp3')).body,
      line: (await ask('/7.xsl?mount=/none.mp3')).body,
    };
    assert.equal((await ask('/status-json.xsl?mount=/hidden.mp3')).body, unknown.json);
    assert.equal((await ask('/7.xsl?mount=/hidden.mp3')).body, unknown.line);
    for (const path of ['/', '/status-json.xsl']) assert.doesNotMatch((await ask(path)).body, /hidden\.mp3/);
    await source.end();
  });
});

describe('a mount without audio', () => {
  test('that is declared is held for HoldTimeout, then 404', async () => {
    const client = StreamClient.send({ port: server.httpPort, path: '/declared.mp3' });
    const { status } = await client.answer();
    assert.equal(status, 404);
    assert.ok(client.elapsedMs >= holdSeconds * 1000 - 50, `held for ${client.elapsedMs} ms`);
  });

  test('that has a source which sends nothing yet is held, then 503', async () => {
    await goOnAir('/silent.mp3', { silent: true });
    const client = StreamClient.send({ port: server.httpPort, path: '/silent.mp3' });
    const { status, headers, body } = await client.answer();
    assert.equal(status, 503);
    assert.match(headers.get('retry-after') ?? '', /^\d+$/);
    assert.equal(body, 'No audio yet\r\n');
    assert.ok(client.elapsedMs >= holdSeconds * 1000 - 50, `held for ${client.elapsedMs} ms`);
  });

  test('lets those who wait in the moment its source comes', async () => {
    const clients = [1, 2, 3].map(() => StreamClient.send({ port: server.httpPort, path: '/late.mp3' }));
    await eventually(
      'three wait',
      async () => (await metricOf(server, 'legacystream_edge_requests_waiting')) === 3,
    );
    const cameMs = performance.now();
    await goOnAir('/late.mp3', { headStartMs: 500 });
    for (const client of clients) {
      assert.equal((await client.head()).status, 200);
      await assertPlays(client);
      client.close();
    }
    assert.ok(performance.now() - cameMs < 5_000, 'far sooner than HoldTimeout');
  });
});

test('a mount with all the listeners it may have answers 503 until one leaves', async () => {
  await goOnAir('/few.mp3');
  const [first, second] = [await open('/few.mp3'), await open('/few.mp3')];
  const refused = await ask('/few.mp3');
  assert.equal(refused.status, 503);
  assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
  assert.equal(refused.headers.get('access-control-allow-origin'), '*');
  assert.equal(refused.body, 'Too many listeners\r\n');
  await assertPlays(second, 60);
  first.close();
  await eventually('the place is free', async () => {
    const client = await open('/few.mp3');
    const { status } = await client.head();
    client.close();
    return status === 200;
  });
  second.close();
});

describe('the burst', () => {
  const { frameBytes, frameMs } = countingFormats.mp3At128;

  test('is DefaultLatency of audio, from the start of a frame', async () => {
    const source = sources[0]!;
    const sentBefore = source.nextNumber;
    const client = await open('/live.mp3');
    const [first = 0] = framesOf(await client.receive(1_000)).numbers;
    const burstMs = (sentBefore - first) * frameMs;
    assert.ok(burstMs > 1_300 && burstMs < 2_500, `${burstMs} ms`);
    assert.equal(client.body[0], 0xff);
    client.close();
  });

  test('is BufferSize of audio where that is less', async () => {
    const source = await goOnAir('/bytes.mp3', { headStartMs: 6_000 });
    await eventually('the burst is full', async () => {
      const client = await open('/bytes.mp3');
      const sent = source.nextNumber;
      const [first = sent] = framesOf(await client.receive(1_000)).numbers;
      client.close();
      const bytes = (sent - first) * frameBytes;
      assert.ok(bytes <= 16_384 + 6 * frameBytes, `${bytes} bytes`);
      return bytes > 10_000;
    });
  });

  test('of a mount with little audio is what there is', async () => {
    const source = await goOnAir('/young.mp3', { headStartMs: 300 });
    const client = await open('/young.mp3');
    assert.equal((await assertPlays(client, 10))[0], 0);
    client.close();
    await source.end();
  });
});

describe('playlists', () => {
  const kinds = {
    m3u: 'audio/x-mpegurl',
    pls: 'audio/x-scpls',
    xspf: 'application/xspf+xml; charset=UTF-8',
  } as const;

  for (const [kind, contentType] of Object.entries(kinds)) {
    test(`.${kind} points to where the listener reached us`, async () => {
      const { status, headers, body } = await ask(`/live.mp3.${kind}`, {
        headers: ['Host: radio.example:8123'],
      });
      assert.equal(status, 200);
      assert.equal(headers.get('content-type'), contentType);
      assert.match(body, /http:\/\/radio\.example:8123\/live\.mp3/);
      assert.match(body, /Radio Ünï/);
    });

    test(`.${kind} says nothing that a stranger put into the Host header`, async () => {
      const hosts = ['evil.example/"><script>', 'evil .example', 'x@evil.example', 'évil.example'];
      for (const host of [...hosts, 'evil.example:80:80', '[evil]', 'evil.example/a', 'evil.example:port']) {
        const { body } = await ask(`/live.mp3.${kind}`, { headers: [`Host: ${host}`] });
        assert.doesNotMatch(body, /vil/, host);
        assert.match(body, new RegExp(`http://localhost:${server.httpPort}/live\\.mp3`), host);
      }
    });
  }

  test('with PublicUrl they name nothing else', async () => {
    const other = await ServerProcess.start({ set: ['server.publicUrl=https://radio.example/'] });
    const source = await CountingSource.start({
      port: other.httpPort,
      mount: '/a%20b.mp3',
      password: sourcePassword,
    });
    try {
      await statusOf(other, '/a b.mp3');
      for (const kind of Object.keys(kinds)) {
        const { body } = await StreamClient.ask({
          port: other.httpPort,
          path: `/a%20b.mp3.${kind}`,
          headers: ['Host: evil.example'],
        });
        assert.match(body, /https:\/\/radio\.example\/a%20b\.mp3/);
        assert.doesNotMatch(body, /evil|127\.0\.0\.1|localhost/);
      }
      const json = await StreamClient.ask({ port: other.httpPort, path: '/status-json.xsl' });
      assert.match(json.body, /"listenurl":"https:\/\/radio\.example\/a%20b\.mp3"/);
    } finally {
      source.destroy();
      await other.stop();
    }
  });
});
