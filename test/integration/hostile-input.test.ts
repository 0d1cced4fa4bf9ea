/**
 * What hostile clients try, against the running server: every limit, slow and smuggled
 * requests, guessed passwords, binary garbage as audio, floods, tricks with paths, headers
 * and titles. Through all of it another station stays on air and its listener hears every
 * frame of it, in order and in time.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { countingFormats, countingFrames } from '../support/counting-frames.ts';
import { readCountingFrames, runsOf } from '../support/counting-reader.ts';
import { basicAuth, CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { RawClient } from '../support/raw-client.ts';
import { adminPassword, ServerProcess, sourcePassword } from '../support/server-process.ts';
import { metricOf, statusOf, statusSources } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';

const format = countingFormats.mp3At128;
const headTimeoutMs = 1500;
const limits = { headBytes: 4096, headLines: 20, targetBytes: 512, bodyBytes: 2048, authFailures: 3 };
const malformedTotal = 'legacystream_runtime_requests_malformed_total';
const lateTotal = 'legacystream_runtime_requests_late_total';
const refusedTotal = 'legacystream_ingest_sources_refused_total';
const attacker = '127.0.0.66';
const auth = basicAuth();
const adminAuth = basicAuth(adminPassword, 'admin');
const type = 'Content-Type: audio/mpeg';

let server: ServerProcess;
let station: CountingSource;
let listener: StreamClient;
let stationStartMs = 0;

before(async () => {
  server = await ServerProcess.start({
    ini: `
[Streaming]
Linger=0
SourceTimeout=5
[Limits]
HeadTimeout=${headTimeoutMs / 1000}
HeadBytes=${limits.headBytes}
HeadLines=${limits.headLines}
TargetBytes=${limits.targetBytes}
BodyBytes=${limits.bodyBytes}
AuthFailures=${limits.authFailures}
`,
  });
  station = await CountingSource.start({
    port: server.httpPort,
    mount: '/station',
    id: 1,
    dialect: 'SOURCE',
  });
  stationStartMs = performance.now();
  listener = await StreamClient.open({ port: server.httpPort, path: '/station' });
});
after(async () => {
  station?.destroy();
  listener?.close();
  await server?.stop();
});

const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;

/** Sends it as an attacker from elsewhere, and gives all that comes back until the server closes. */
const attack = (request: string | Uint8Array, port = server.httpPort): Promise<string> =>
  RawClient.exchange(port, request, attacker);

const statusIn = (answer: string): string =>
  /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? JSON.stringify(answer);

/** Waits until the metric has grown by at least so much. */
async function grows(name: string, label: string | undefined, by: number, action: () => Promise<void>) {
  const read = async () => (await metricOf(server, name, label)) || 0;
  const before = await read();
  await action();
  await eventually(`${name} ${label ?? ''} grows by ${by}`, async () => (await read()) >= before + by);
}

/** Waits until the listener of the station has heard so much more of it. */
async function stationPlays(ms: number): Promise<void> {
  await listener.raw.untilBytes(listener.raw.byteCount + (ms / format.frameMs) * format.frameBytes);
}

describe('limits', () => {
  const tooLong = 'a'.repeat(limits.headBytes + 1);
  const table: readonly { name: string; request: string; status: string }[] = [
    { name: 'head bytes of a source', request: head('SOURCE /x HTTP/1.0', `X: ${tooLong}`), status: '431' },
    { name: 'head bytes of a listener', request: head('GET /x HTTP/1.1', `X: ${tooLong}`), status: '431' },
    { name: 'head bytes without an end', request: `PUT /x HTTP/1.1\r\n${tooLong}`, status: '431' },
    {
      name: 'head lines',
      request: head('GET /x HTTP/1.0', ...Array.from({ length: limits.headLines }, (_, i) => `X-${i}: y`)),
      status: '431',
    },
    { name: 'target', request: head(`GET /${'a'.repeat(limits.targetBytes)} HTTP/1.0`), status: '414' },
    { name: 'target without an end', request: `GET /${tooLong}`, status: '414' },
    { name: 'target of a source', request: head(`SOURCE /${'a'.repeat(1000)} ICE/1.0`), status: '414' },
  ];
  for (const { name, request, status } of table) {
    test(`${name}: ${status}, closed and counted`, async () => {
      await grows(malformedTotal, undefined, 1, async () => {
        assert.equal(statusIn(await attack(request)), status);
      });
    });
  }

  test('a line that is no dialect and has no end is closed without a word', async () => {
    await grows(malformedTotal, undefined, 1, async () => assert.equal(await attack('x'.repeat(20_000)), ''));
  });

  test('a body for the admin interface: 413, answered while it is still being sent', async () => {
    const large = 'x'.repeat(300_000);
    const form = ['POST /admin/metadata HTTP/1.1', 'Host: x', 'Connection: close'];
    const bodies = [
      `${head(...form, `Content-Length: ${large.length}`)}${large}`,
      `${head(...form, 'Transfer-Encoding: chunked')}${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`,
      `${head('POST /admin.cgi HTTP/1.1', 'Host: x', 'Connection: close', `Content-Length: ${large.length}`)}${large}`,
    ];
    for (const request of bodies) assert.equal(statusIn(await attack(request)), '413');
    const kept = await RawClient.connect(server.httpPort, attacker);
    kept.write(
      `${head('POST /admin/metadata HTTP/1.1', 'Host: x', `Content-Length: ${large.length}`)}${large}`,
    );
    await kept.untilText('too large');
    kept.write(head('GET /robots.txt HTTP/1.1', 'Host: x', 'Connection: close'));
    assert.match(
      (await kept.closed()).toString('latin1'),
      /Disallow/,
      'the connection goes on behind the body',
    );
  });

  test('credentials that are too long are wrong ones', async () => {
    await grows(refusedTotal, 'code="LS_AUTH_REQUIRED"', 2, async () => {
      const basic = `Authorization: Basic ${Buffer.from(`source:${'x'.repeat(900)}`).toString('base64')}`;
      assert.equal(statusIn(await attack(head('SOURCE /long-login HTTP/1.0', basic, type))), '401');
      const line = `${'x'.repeat(600)}\r\n`;
      assert.equal(await attack(line, server.shoutcastPort), 'invalid password\r\n');
    });
  });

  test('the headers of a SHOUTcast source: closed, counted, and the mount is free again', async () => {
    for (const [code, block] of [
      ['LS_HEAD_TOO_LARGE', `icy-name:${tooLong}\r\n\r\n`],
      ['LS_HEAD_TOO_LARGE', 'icy-name:x\r\n'.repeat(limits.headLines + 1)],
      ['LS_HEAD_MALFORMED', 'icy-name:\x01\r\n\r\n'],
      ['LS_HEAD_TIMEOUT', 'icy-name:x\r\n'],
    ] as const) {
      await grows(refusedTotal, `code="${code}"`, 1, async () => {
        const answer = await attack(`/icy-limits:${sourcePassword}\r\n${block}`, server.shoutcastPort);
        assert.match(answer, /^OK2\r\nicy-caps:11\r\n\r\n/);
      });
    }
    const source = await CountingSource.start({
      port: server.httpPort,
      mount: '/icy-limits',
      id: 2,
      dialect: 'SOURCE',
    });
    source.destroy();
  });
});

test('heads that dribble in, or never begin, are closed when their time is up', async () => {
  const openings = [
    '',
    'G',
    'SOURCE /slow HTTP/1.0\r\n',
    'GET /station HTTP/1.1\r\nX: ',
    'password without an end',
    '\r\n',
    '\x16',
    'Z',
    'PROXY ',
    head('OPTIONS * HTTP/1.1'),
  ];
  const count = 3 * openings.length;
  await grows(lateTotal, undefined, count, async () => {
    const startMs = performance.now();
    const clients = await Promise.all(
      Array.from({ length: count }, () => RawClient.connect(server.httpPort, attacker)),
    );
    const dribbles = clients.map((client, i) => {
      const opening = openings[i % openings.length]!;
      client.write(opening);
      // One byte now and then does not buy more time.
      return setInterval(() => {
        if (i >= openings.length && /^(?:SOURCE|GET) /.test(opening)) client.write('a');
      }, 100);
    });
    try {
      await Promise.all(clients.map((client) => client.closed(headTimeoutMs + 10_000)));
    } finally {
      for (const timer of dribbles) clearInterval(timer);
      for (const client of clients) client.destroy();
    }
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs >= headTimeoutMs - 50, `closed too early, after ${tookMs} ms`);
  });
});

test('requests that two readers could cut differently are refused, and nothing behind them is done', async () => {
  const kill = head('GET /admin/killsource?mount=/station HTTP/1.1', 'Host: x', adminAuth);
  const chunkedKill = `0\r\n\r\n${kill}`;
  const put = ['PUT /smuggle HTTP/1.1', 'Host: x', auth, type];
  const form = ['POST /admin/metadata HTTP/1.1', 'Host: x'];
  const heads = [put, form, ['GET /status-json.xsl HTTP/1.1', 'Host: x']].flatMap((lines) => [
    [...lines, 'Content-Length: 4', 'Transfer-Encoding: chunked'],
    [...lines, 'Transfer-Encoding: chunked', 'Content-Length: 4'],
    [...lines, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    [...lines, 'Content-Length: 0', 'Content-Length: 4'],
    [...lines, 'Content-Length: 0, 4'],
    [...lines, 'Content-Length: +4'],
    [...lines, 'Content-Length: 0x4'],
    [...lines, 'Content-Length: -1'],
    [...lines, 'Transfer-Encoding : chunked'],
    [...lines, 'X: y', ' Transfer-Encoding: chunked'],
    [...lines, 'Transfer-Encoding: \x0bchunked'],
    [...lines, 'Transfer-Encoding: xchunked'],
    [...lines, 'Transfer-Encoding: chunked, identity'],
    [...lines, 'X: y\rTransfer-Encoding: chunked'],
    [...lines, 'X: y\0'],
  ]);
  for (const lines of heads) {
    const answer = await attack(head(...lines) + chunkedKill);
    assert.match(statusIn(answer), /^(?:400|501)$/, JSON.stringify(lines));
    assert.equal(answer.match(/HTTP\/1\.1 \d{3} /g)?.length, 1, `one answer to ${JSON.stringify(lines)}`);
  }
  // Requests that are answered at once, with a body that nobody asked for.
  for (const first of ['OPTIONS * HTTP/1.1', 'OPTIONS /station HTTP/1.1', 'HEAD /station HTTP/1.1']) {
    for (const framing of [`Content-Length: ${kill.length}`, 'Transfer-Encoding: chunked']) {
      const answer = await attack(head(first, 'Host: x', framing) + kill);
      assert.equal(answer.match(/HTTP\/1\.1 \d{3} /g)?.length, 1, `one answer to ${first} with ${framing}`);
    }
  }
  // The same after a page on the same connection.
  const kept = await RawClient.connect(server.httpPort, attacker);
  kept.write(head('GET /robots.txt HTTP/1.1', 'Host: x'));
  await kept.untilText('Disallow');
  kept.write(head('OPTIONS /station HTTP/1.1', 'Host: x', `Content-Length: ${kill.length}`));
  await kept.untilText('204 No Content');
  kept.write(kill);
  assert.equal((await kept.closed()).toString('latin1').match(/HTTP\/1\.1 \d{3} /g)?.length, 2);
  assert.equal(await metricOf(server, 'legacystream_ingest_sources_active'), 1, 'the station is on air');
});

describe('passwords', () => {
  const login = (mount: string, password: string, from: string, ...headers: string[]): Promise<string> =>
    RawClient.exchange(
      server.httpPort,
      `${head(`PUT ${mount} HTTP/1.1`, basicAuth(password), type, 'Content-Length: 1', ...headers)}x`,
      from,
    ).then((answer) => /^HTTP\/1\.[01] (\d{3}) /.exec(answer)?.[1] ?? answer);

  test('after too many wrong ones the right one is refused too: for that address and that mount only', async () => {
    const guesser = '127.0.0.77';
    for (let i = 0; i < limits.authFailures; i++) {
      // Whoever claims to be somebody else is still the same.
      const forged = [
        `X-Forwarded-For: 203.0.113.${i}`,
        `Forwarded: for=203.0.113.${i}`,
        `X-Real-IP: 203.0.113.${i}`,
      ];
      assert.equal(await login('/guessed', `guess-${i}`, guesser, ...forged), '401');
    }
    await grows(refusedTotal, 'code="LS_AUTH_RATE_LIMITED"', 1, async () => {
      const answer = await RawClient.exchange(
        server.httpPort,
        head('PUT /guessed HTTP/1.1', auth, type),
        guesser,
      );
      assert.equal(statusIn(answer), '429');
      assert.match(answer, /\r\nRetry-After: \d+\r\n/);
    });
    assert.equal(await login('/guessed', sourcePassword, guesser, 'X-Forwarded-For: 198.51.100.1'), '429');
    const line = `/guessed:${sourcePassword}\r\n`;
    assert.equal(await RawClient.exchange(server.shoutcastPort, line, guesser), 'invalid password\r\n');

    assert.equal(await login('/another', sourcePassword, guesser), '200', 'another mount from there');
    assert.equal(await login('/guessed', sourcePassword, '127.0.0.78'), '200', 'the mount from elsewhere');
  });

  test('guessing at all mounts in turn ends in the same', async () => {
    const guesser = '127.0.0.79';
    let tries = 0;
    while ((await login(`/sweep/${tries}`, 'guess', guesser)) === '401') {
      tries += 1;
      assert.ok(tries < 100, 'an address may guess without end');
    }
    assert.equal(await login('/sweep/new', sourcePassword, guesser), '429');
  });

  test('the admin login is guarded alike, and asking without one is no guess', async () => {
    const guesser = '127.0.0.80';
    const ask = async (...lines: string[]) => {
      const request = head('GET /admin/stats HTTP/1.1', 'Host: x', 'Connection: close', ...lines);
      return statusIn(await RawClient.exchange(server.httpPort, request, guesser));
    };
    for (let i = 0; i < 2 * limits.authFailures; i++) assert.equal(await ask(), '401');
    assert.equal(await ask(adminAuth), '200');
    for (let i = 0; i < limits.authFailures; i++)
      assert.equal(await ask(basicAuth(`guess-${i}`, 'admin')), '401');
    assert.equal(await ask(adminAuth), '429');
  });
});

describe('hostile audio', () => {
  const corpus = new URL('../fuzz/corpus/', import.meta.url);
  const types = {
    mp3: 'audio/mpeg',
    adts: 'audio/aac',
    ogg: 'application/ogg',
    flac: 'audio/flac',
    matroska: 'audio/webm',
  };

  /** Sends the bytes as a source and waits for the end of its session. */
  async function sendAs(mount: string, contentType: string, bytes: Uint8Array): Promise<void> {
    const client = await RawClient.connect(server.httpPort);
    try {
      client.write(head(`SOURCE ${mount} HTTP/1.0`, auth, `Content-Type: ${contentType}`));
      await client.untilText('200 OK');
      client.write(bytes);
      client.socket.end();
      await client.closed(20_000);
      await server.waitFor('source.disconnected', 20_000, (line) => line['mount'] === mount);
    } finally {
      client.destroy();
    }
  }

  test('every file of the corpora harms nothing but its own mount', async () => {
    const sends = Object.entries(types).flatMap(([name, contentType]) => {
      const folder = new URL(`${name}/`, corpus);
      return readdirSync(folder).map((file) => ({
        mount: `/corpus/${name}/${file}`,
        contentType,
        bytes: readFileSync(new URL(file, folder)),
      }));
    });
    assert.ok(sends.length > 100, `${sends.length} files`);
    const next = sends.values();
    const worker = async () => {
      for (const { mount, contentType, bytes } of next) {
        // The whole of it with a listener that takes what comes.
        const hearing = StreamClient.send({ port: server.httpPort, path: mount });
        await sendAs(mount, contentType, bytes);
        hearing.close();
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
  });

  test('random bytes under any type, at line speed', async () => {
    const random = Buffer.alloc(1024 * 1024);
    let state = 1;
    for (let i = 0; i < random.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      random[i] = state >>> 24;
    }
    const contentTypes = [...Object.values(types), 'application/octet-stream', 'text/html'];
    await Promise.all(contentTypes.map((contentType, i) => sendAs(`/random/${i}`, contentType, random)));
  });

  /** Sends as fast as the server takes it, until told to stop. */
  function flood(client: RawClient, block: (index: number) => Uint8Array): () => void {
    let index = 0;
    let isOver = false;
    const fill = () => {
      while (!isOver && !client.isClosed && client.socket.write(block(index))) index += 1;
      index += 1;
    };
    client.socket.on('drain', fill);
    fill();
    return () => {
      isOver = true;
      client.destroy();
    };
  }

  test('a source that sends at line speed is held to the speed of its audio, which is heard whole', async () => {
    const source = await CountingSource.ask({
      port: server.httpPort,
      mount: '/flood',
      id: 3,
      dialect: 'SOURCE',
    });
    assert.ok(await source.admitted());
    const startMs = performance.now();
    const framesPerBlock = 400;
    const stop = flood(source.client, (i) => countingFrames(i * framesPerBlock, framesPerBlock, format, 3));
    try {
      const heard = await StreamClient.open({ port: server.httpPort, path: '/flood' });
      await heard.receive(120_000, 15_000);
      const received = await metricOf(server, 'legacystream_ingest_received_bytes', 'mount="/flood"');
      const playedMs = (received / format.frameBytes) * format.frameMs;
      const elapsedMs = performance.now() - startMs;
      // Ten seconds ahead, and what one read from the socket brings beyond that.
      assert.ok(playedMs < elapsedMs + 15_000, `${playedMs} ms of audio were taken in ${elapsedMs} ms`);
      assert.ok(source.client.socket.writableLength > 0, 'the source feels that it must wait');
      const { frames, strayBytes } = readCountingFrames(heard.body, format);
      assert.equal(runsOf(frames).length, 1, runsOf(frames).join());
      assert.equal(strayBytes, 0);
      heard.close();
    } finally {
      stop();
    }
  });

  test('a flood that is no audio is held too', async () => {
    const client = await RawClient.connect(server.httpPort);
    client.write(head('SOURCE /noise HTTP/1.0', auth, type));
    await client.untilText('200 OK');
    const noise = Buffer.alloc(256 * 1024, 0x55);
    const startMs = performance.now();
    const stop = flood(client, () => noise);
    try {
      const label = 'mount="/noise"';
      const received = () => metricOf(server, 'legacystream_ingest_received_bytes', label);
      await eventually(
        'ten seconds of the densest audio are in',
        async () => (await received()) > 19_000_000,
      );
      await stationPlays(1500);
      const bytes = await received();
      const elapsedSeconds = (performance.now() - startMs) / 1000;
      assert.ok(bytes < 2_000_000 * (elapsedSeconds + 11), `${bytes} bytes in ${elapsedSeconds} s`);
      assert.ok(client.socket.writableLength > 0, 'the source feels that it must wait');
    } finally {
      stop();
    }
  });
});

test('tricks with paths find nothing, and the answer never tells why', async () => {
  const paths = [
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/..%2f..%2fetc%2fpasswd',
    '/%252e%252e%252fetc',
    '/assets/../../package.json',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/assets/',
    '/a%00b',
    '/station%00.mp3',
    '/a\\b',
    '/..\\..\\etc',
    '/a%5cb',
    '/station/',
    '//station',
    '/./station',
    '/station/.',
    '/%',
    '/%zz',
    '/%ff',
    '/\xff',
    '/missing.mp3',
    '/missing.mp3.m3u',
    `/${'a'.repeat(300)}`,
  ];
  const bodies = new Set<string>();
  for (const path of paths) {
    const answer = await attack(head(`GET ${path} HTTP/1.1`, 'Host: x', 'Connection: close'));
    assert.equal(statusIn(answer), '404', path);
    bodies.add(answer.slice(answer.indexOf('\r\n\r\n')));
  }
  assert.equal(bodies.size, 1, 'every answer has the same body');
  // As mounts they are refused, but for those that are plain names.
  const names = ['/missing.mp3', '/missing.mp3.m3u', '/%252e%252e%252fetc'];
  for (const path of paths.filter((one) => !names.includes(one))) {
    assert.equal(statusIn(await attack(head(`SOURCE ${path} HTTP/1.0`, auth, type))), '400', path);
  }
});

test('names and titles can add no header, no metadata and no markup', async () => {
  const evil = `<script>alert(1)</script>"'&\xc2\x85X-Evil: 1`;
  const source = await CountingSource.start({
    port: server.httpPort,
    mount: '/injected',
    id: 4,
    dialect: 'SOURCE',
    headers: [
      `ice-name: ${evil}`,
      'ice-description: a%0d%0aX-Evil: 1',
      'ice-audio-info: channels=2%0d%0aX-Evil: 1;quality=%00%1b[31m',
      'ice-url: javascript:alert(1)',
      `User-Agent: ${evil}`,
    ],
  });
  try {
    const title = `a';StreamUrl='http://evil/';X='\r\nX-Evil: 1\0\x1b<script>`;
    const form = new URLSearchParams({ mode: 'updinfo', mount: '/injected', song: title, charset: 'UTF-8' });
    const update = await server.admin('/admin/metadata', { method: 'POST', body: form });
    assert.equal(update.status, 200);
    await statusOf(server, '/injected', (status) => String(status['title']).includes('StreamUrl'));

    const heard = StreamClient.send({
      port: server.httpPort,
      path: '/injected',
      headers: ['Icy-MetaData: 1'],
    });
    const answer = await heard.head();
    await heard.receive(Number(answer.headers.get('icy-metaint')) + 4081);
    assert.equal(answer.headers.get('x-evil'), undefined);
    assert.doesNotMatch(answer.text, /[\0-\x09\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]/);
    assert.doesNotMatch(answer.text, /javascript:/);
    const metaint = Number(answer.headers.get('icy-metaint'));
    const length = heard.body[metaint]! * 16;
    const block = heard.body.toString('utf8', metaint + 1, metaint + 1 + length).replace(/\0+$/, '');
    assert.match(block, /^StreamTitle='.*';$/);
    assert.equal(block.indexOf("';"), block.length - 2, `one title and nothing else: ${block}`);
    assert.doesNotMatch(block, /[\0-\x1f\x7f]/);
    heard.close();

    const [status] = [...(await statusSources(server))].flatMap(([mount, one]) =>
      mount === '/injected' ? one : [],
    );
    assert.doesNotMatch(JSON.stringify(status), /[\0-\x1f\x7f-\x9f]/);
    for (const page of ['/', '/status.xsl', '/injected.xspf']) {
      const html = await (await fetch(`${server.url}${page}`)).text();
      assert.doesNotMatch(html, /<script>alert|href="javascript:/, page);
    }
    for (const page of ['/injected.m3u', '/injected.pls', '/7.xsl', '/status-json.xsl']) {
      const text = await (await fetch(`${server.url}${page}`)).text();
      assert.doesNotMatch(text, /^X-Evil/m, page);
    }
    for (const page of ['/admin/stats', '/admin/listclients?mount=/injected']) {
      const xml = await (await server.admin(page)).text();
      assert.doesNotMatch(xml, /<script>|[\0-\x08\x0b\x0c\x0e-\x1f]/, page);
    }
  } finally {
    source.destroy();
  }
  for (const bad of ['ice-name: a\rX-Evil: 1', 'ice-name: a\0b', 'ice-name: a\x1bb', 'ice-name\r\n: x']) {
    assert.equal(statusIn(await attack(head('SOURCE /controls HTTP/1.0', auth, type, bad))), '400', bad);
  }
});

test('an address is the one of the connection, whatever a client says', async () => {
  const forged = ['X-Forwarded-For: 203.0.113.9', 'X-Real-IP: 203.0.113.9', 'Forwarded: for=203.0.113.9'];
  const source = await CountingSource.start({
    port: server.httpPort,
    mount: '/forged',
    id: 5,
    dialect: 'SOURCE',
    headers: forged,
  });
  try {
    const line = await server.waitFor('source.connected', 10_000, ({ mount }) => mount === '/forged');
    assert.equal(line['ip'], '127.0.0.1');
    const heard = await StreamClient.open({ port: server.httpPort, path: '/forged', headers: forged });
    await heard.receive(1);
    const clients = await (await server.admin('/admin/listclients?mount=/forged')).text();
    assert.match(clients, /<IP>127\.0\.0\.1<\/IP>/);
    assert.doesNotMatch(clients, /203\.0\.113/);
    heard.close();
  } finally {
    source.destroy();
  }
});

test('the station was heard through all of it, every frame in order and in time', async () => {
  const deadline = performance.now();
  await listener.raw.until(() => {
    const { frames } = readCountingFrames(listener.body, format);
    return frames.length * format.frameMs >= deadline - stationStartMs;
  });
  const { frames, strayBytes } = readCountingFrames(listener.body, format);
  assert.equal(strayBytes, 0);
  assert.deepEqual(runsOf(frames), [`1: 0-${frames.length - 1}`]);
  const bad = server.lines.filter(({ level }) => level === 'error' || level === 'fatal');
  assert.deepEqual(bad, [], 'nothing that clients do is an error of the server');
  assert.equal(await metricOf(server, 'legacystream_runtime_bus_handler_errors_total'), 0);
  assert.equal(server.process.exitCode, null);
});
