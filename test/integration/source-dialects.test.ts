/**
 * What each kind of encoder says and is answered, byte for byte, over plain sockets
 * (the answers of `SOURCE`, `PUT` and SHOUTcast v1 that encoders wait for), however the
 * bytes are cut.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { hashPassword } from '@legacystream/runtime/passwords.ts';
import { countingFormats, countingFrames } from '../support/counting-frames.ts';
import { readCountingFrames, runsOf } from '../support/counting-reader.ts';
import { basicAuth } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { RawClient } from '../support/raw-client.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { statusOf, statusSources } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';

const format = countingFormats.mp3At128;
/** UTF-8 as it goes over the wire, one character a byte. */
const utf8 = Buffer.from('Zürich 日本', 'utf8').toString('latin1');
const accepted = 'HTTP/1.0 200 OK\r\n\r\n';
const goOn = 'HTTP/1.1 100 Continue\r\n\r\n';
const done = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
const icyAccepted = 'OK2\r\nicy-caps:11\r\n\r\n';
const challenge = 'WWW-Authenticate: Basic realm="LegacyStream", charset="UTF-8"\r\n';
const plainText = 'Content-Type: text/plain; charset=utf-8\r\n';
const ownPassword = 'own-Pw-99';
const hashedPassword = 'hashed-Pw:99';

/** Enough to be told as MP3 and to be a burst. */
const frameCount = 60;
const auth = basicAuth();

let server: ServerProcess;
let nextId = 1;
const clients: RawClient[] = [];

before(async () => {
  server = await ServerProcess.start({
    ini: `
[Streaming]
Linger=0
[Mount /two.mp3]
Sid=2
[Mount /own]
SourcePassword=${ownPassword}
[Mount /hashed]
SourceUser=dj
SourcePassword=${await hashPassword(hashedPassword)}
`,
  });
});
after(async () => {
  for (const client of clients) client.destroy();
  await server?.stop();
});

async function connect(port = server.httpPort): Promise<RawClient> {
  const client = await RawClient.connect(port);
  clients.push(client);
  return client;
}

const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
const mp3 = (id: number, from = 0): Buffer => countingFrames(from, frameCount, format, id);
const joined = (text: string, body: Uint8Array): Buffer => Buffer.concat([Buffer.from(text, 'latin1'), body]);

/** A listener of the mount hears exactly the frames of this source. */
async function expectHeard(mount: string, id: number): Promise<void> {
  const listener = await StreamClient.open({ port: server.httpPort, path: mount });
  try {
    const audio = await listener.receive(frameCount * format.frameBytes);
    const { frames, strayBytes } = readCountingFrames(audio, format);
    assert.deepEqual(runsOf(frames), [`${id}: 0-${frameCount - 1}`]);
    assert.equal(strayBytes, 0);
  } finally {
    listener.close();
  }
}

/** Waits until nothing is left of the mount's last source. */
const free = (mount: string) => eventually(`${mount} is free`, async () => !(await isOnAir(mount)));
const isOnAir = async (mount: string): Promise<boolean> => (await statusSources(server)).has(mount);

describe('HTTP sources', () => {
  const type = 'Content-Type: audio/mpeg';
  const expect = 'Expect: 100-continue';
  const forms: readonly { name: string; lines: (mount: string) => string[]; answer: string; end: string }[] =
    [
      {
        name: 'SOURCE ICE/1.0',
        lines: (m) => [`SOURCE ${m} ICE/1.0`, auth, type],
        answer: accepted,
        end: '',
      },
      {
        name: 'SOURCE HTTP/1.0',
        lines: (m) => [`SOURCE ${m} HTTP/1.0`, auth, type],
        answer: accepted,
        end: '',
      },
      {
        name: 'SOURCE HTTP/1.1',
        lines: (m) => [`SOURCE ${m} HTTP/1.1`, 'Host: x', auth, type],
        answer: accepted,
        end: '',
      },
      {
        name: 'SOURCE without a type',
        lines: (m) => [`SOURCE ${m} HTTP/1.0`, auth],
        answer: accepted,
        end: '',
      },
      {
        name: 'SOURCE with Expect',
        lines: (m) => [`SOURCE ${m} HTTP/1.1`, expect, auth, type],
        answer: goOn + accepted,
        end: '',
      },
      {
        name: 'PUT without Expect',
        lines: (m) => [`PUT ${m} HTTP/1.1`, 'Host: x', auth, type],
        answer: accepted,
        end: '',
      },
      {
        name: 'PUT with Expect',
        lines: (m) => [`PUT ${m} HTTP/1.1`, 'Host:', expect, auth, type],
        answer: goOn,
        end: done,
      },
      { name: 'POST of audio', lines: (m) => [`POST ${m} HTTP/1.1`, auth, type], answer: accepted, end: '' },
      {
        name: 'absolute target',
        lines: (m) => [`PUT http://radio.example${m} HTTP/1.1`, auth, type],
        answer: accepted,
        end: '',
      },
    ];

  for (const { name, lines, answer, end } of forms) {
    test(`${name}: answered exactly, heard, and told its end`, async () => {
      const id = nextId++;
      const mount = `/form/${id}`;
      const client = await connect();
      client.write(head(...lines(mount)));
      await client.untilBytes(answer.length);
      client.write(mp3(id));
      await expectHeard(mount, id);
      assert.equal(client.text, answer, 'nothing more is said while the source is on air');
      client.socket.end();
      assert.equal((await client.closed()).toString('latin1'), answer + end);
    });
  }

  test('a body of known length ends the source with its last byte', async () => {
    const id = nextId++;
    const client = await connect();
    const body = mp3(id);
    client.write(head('PUT /known HTTP/1.1', auth, expect, type, `Content-Length: ${body.length}`));
    await client.untilBytes(goOn.length);
    client.write(body.subarray(0, -1));
    await expectHeardExceptLast('/known', id);
    client.write(joined('', Buffer.concat([body.subarray(-1), Buffer.from('GET / HTTP/1.1\r\n\r\n')])));
    assert.equal((await client.closed()).toString('latin1'), goOn + done, 'what follows is no request');
  });

  async function expectHeardExceptLast(mount: string, id: number): Promise<void> {
    const listener = await StreamClient.open({ port: server.httpPort, path: mount });
    const audio = await listener.receive((frameCount - 1) * format.frameBytes);
    listener.close();
    assert.deepEqual(runsOf(readCountingFrames(audio, format).frames), [`${id}: 0-${frameCount - 2}`]);
  }

  test('a chunked body is decoded, in chunks of any size and spelling, and ends where it says', async () => {
    const id = nextId++;
    const client = await connect();
    const body = mp3(id);
    const cuts = [1, 9, 1000, 4097];
    let text = '';
    let at = 0;
    for (let i = 0; at < body.length; i++) {
      const part = body.subarray(at, at + cuts[i % cuts.length]!);
      const size = part.length.toString(16);
      text += `${i % 2 ? size.toUpperCase() : size}${i % 3 ? '' : ';x=y'}\r\n${part.toString('latin1')}\r\n`;
      at += part.length;
    }
    client.write(head('PUT /chunked HTTP/1.1', auth, expect, type, 'Transfer-Encoding: chunked'));
    await client.untilBytes(goOn.length);
    client.write(text);
    await expectHeard('/chunked', id);
    client.write('0\r\nX-Trailer: 1\r\n\r\n');
    assert.equal((await client.closed()).toString('latin1'), goOn + done);
  });

  test('a chunked body that is none ends its source, and frames before it were heard', async () => {
    const id = nextId++;
    const client = await connect();
    const body = mp3(id);
    client.write(head('PUT /broken-chunks HTTP/1.1', auth, type, 'Transfer-Encoding: chunked'));
    await client.untilBytes(accepted.length);
    client.write(joined(`${body.length.toString(16)}\r\n`, body));
    await expectHeard('/broken-chunks', id);
    client.write('\r\nnot a size\r\n');
    await client.closed();
    const line = await server.waitFor(
      'source.disconnected',
      10_000,
      ({ mount }) => mount === '/broken-chunks',
    );
    assert.equal(line['reason'], 'malformed');
  });

  test('the probe of libshout is told 401 and the same connection then brings the source', async () => {
    for (const request of ['PUT /probe HTTP/1.1', 'SOURCE /probe HTTP/1.0']) {
      const id = nextId++;
      const client = await connect();
      const said = ['User-Agent: libshout/2.4.6', type, 'ice-name: Probed', 'Prefer: return=minimal'];
      client.write(head(request, 'Content-Length: 0', 'Connection: Keep-Alive', ...said));
      const body = 'You need to authenticate\r\n';
      const refusal = `HTTP/1.1 401 Unauthorized\r\n${challenge}${plainText}Content-Length: ${body.length}\r\nConnection: Keep-Alive\r\n\r\n${body}`;
      await client.untilBytes(refusal.length);
      assert.equal(client.text, refusal);
      assert.equal(await isOnAir('/probe'), false);

      client.write(head(request, auth, ...said));
      client.write(mp3(id));
      await client.untilBytes(refusal.length + accepted.length);
      assert.equal(client.text, refusal + accepted);
      await expectHeard('/probe', id);
      client.socket.end();
      await client.closed();
      await free('/probe');
    }
  });

  test('darkice: bare line feeds in the head', async () => {
    const id = nextId++;
    const client = await connect();
    const lines = [
      'SOURCE /darkice HTTP/1.0',
      auth,
      'Content-type: audio/mpeg',
      'ice-name: Dark',
      'ice-bitrate: 128',
    ];
    client.write(joined(`${lines.join('\n')}\r\n\r\n`, mp3(id)));
    await client.untilBytes(accepted.length);
    assert.equal(client.text, accepted);
    await expectHeard('/darkice', id);
    const status = await statusOf(server, '/darkice');
    assert.deepEqual([status['server_name'], status['bitrate']], ['Dark', 128]);
  });

  test('head and audio in one segment, and head and audio byte by byte, are the same source', async () => {
    for (const [mount, request] of [
      ['/one-segment', 'SOURCE /one-segment HTTP/1.0'],
      ['/bytewise', 'PUT /bytewise HTTP/1.1'],
    ] as const) {
      const id = nextId++;
      const client = await connect();
      const all = joined(head(request, auth, type), mp3(id));
      if (mount === '/one-segment') client.write(all);
      else await client.writeByteByByte(all);
      await client.untilBytes(accepted.length);
      assert.equal(client.text, accepted);
      await expectHeard(mount, id);
    }
  });

  test('8-bit bytes in names and paths are UTF-8 where they are that, else Latin-1', async () => {
    for (const [raw, path, name, seen] of [
      [`/${Buffer.from('é', 'utf8').toString('latin1')}`, '/%C3%A9', utf8, 'Zürich 日本'],
      ['/latin', '/latin', 'K\xf6ln', 'Köln'],
    ] as const) {
      const id = nextId++;
      const client = await connect();
      client.write(joined(head(`SOURCE ${raw} HTTP/1.0`, auth, type, `ice-name: ${name}`), mp3(id)));
      await client.untilBytes(accepted.length);
      await expectHeard(path, id);
      const status = await statusOf(server, decodeURI(path));
      assert.equal(status['server_name'], seen);
    }
  });

  test('OPTIONS * is answered 204 and the connection stays, request upon request', async () => {
    const answer =
      'HTTP/1.1 204 No Content\r\nAllow: GET, HEAD, POST, PUT, SOURCE, OPTIONS\r\nAccept-Encoding: identity, chunked\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n';
    const id = nextId++;
    const client = await connect();
    const ask = head('OPTIONS * HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: TLS/1.0, HTTP/1.1');
    client.write(ask + ask);
    await client.untilBytes(2 * answer.length);
    client.write(joined(head('SOURCE /after-options HTTP/1.0', auth, type), mp3(id)));
    await client.untilBytes(2 * answer.length + accepted.length);
    assert.equal(client.text, answer + answer + accepted);
    await expectHeard('/after-options', id);
  });

  test('who asks in the moment of the first bytes is given what the stream is, and is not sent away', async () => {
    const ogg = readFileSync(new URL('../fixtures/audio/vorbis.ogg', import.meta.url));
    const cold = async (_: unknown, round: number): Promise<void> => {
      const mount = `/cold/${round}`;
      const source = await connect();
      const listener = await connect();
      source.write(head(`SOURCE ${mount} HTTP/1.0`, auth, 'Content-Type: application/ogg'));
      await source.untilBytes(accepted.length);
      source.write(ogg.subarray(0, -1));
      listener.write(head(`GET ${mount} HTTP/1.0`, 'Icy-MetaData: 1'));
      const answer = (await listener.until((bytes) => bytes.includes('OggS'))).toString('latin1');
      assert.doesNotMatch(answer, /^icy-metaint:/im);
      await server.waitFor('source.connected', 10_000, (line) => line['mount'] === mount);
      await statusOf(server, mount, (status) => status['subtype'] === 'Vorbis');
      assert.equal(listener.isClosed, false, `the listener of ${mount} is on air`);
    };
    await Promise.all(Array.from({ length: 40 }, cold));
  });

  test('the poke of libshout at the HTTP port is refused as Icecast does', async () => {
    const answer = await RawClient.exchange(server.httpPort, head('GET /admin/!POKE HTTP/1.0'));
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.ok(
      answer.endsWith(
        '\r\n\r\n<html><head><title>Error 400</title></head><body><b>400 - Unrecognised command</b></body></html>\r\n',
      ),
    );
  });

  test('a second source of a mount is told 403 and the first goes on', async () => {
    const id = nextId++;
    const first = await connect();
    first.write(joined(head('SOURCE /busy HTTP/1.0', auth, type), mp3(id)));
    await first.untilBytes(accepted.length);
    const body = 'Mountpoint in use\r\n';
    const refusal = `HTTP/1.1 403 Forbidden\r\n${plainText}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
    for (const request of ['SOURCE /busy HTTP/1.0', 'PUT /busy HTTP/1.1']) {
      const all = joined(head(request, auth, type), mp3(nextId++));
      assert.equal(await RawClient.exchange(server.httpPort, all), refusal);
    }
    const v1 = await RawClient.exchange(server.shoutcastPort, `/busy:${sourcePassword}\r\n`);
    assert.equal(v1, body);
    await expectHeard('/busy', id);
  });

  test('paths of the server itself are no mounts, however they are spelled', async () => {
    const paths = [
      '/',
      '/admin',
      '/admin/x',
      '/%61dmin/x',
      '/api/v1',
      '/dashboard/',
      '/embed/x',
      '/assets/x',
    ];
    paths.push(
      '/status-json.xsl',
      '/status%2dxsl/..',
      '/7.html',
      '/admin.cgi',
      '/!POKE',
      '//',
      '/a//b',
      '/a/../b',
    );
    for (const path of paths) {
      for (const request of [`SOURCE ${path} HTTP/1.0`, `PUT ${path} HTTP/1.1`]) {
        const answer = await RawClient.exchange(
          server.httpPort,
          head(request, auth, type, 'Connection: close'),
        );
        assert.match(answer, /^HTTP\/1\.1 4\d\d /, request);
      }
    }
    const listed = [...(await statusSources(server)).keys()];
    assert.deepEqual(
      listed.filter((mount) => paths.includes(mount)),
      [],
    );
    const malformed = await RawClient.exchange(
      server.httpPort,
      head('SOURCE no-slash.mp3 HTTP/1.0', auth, type),
    );
    assert.match(malformed, /^HTTP\/1\.1 400 /);
  });

  test('wrong and missing logins are told 401 with a challenge and closed', async () => {
    const body = 'You need to authenticate\r\n';
    const refusal = `HTTP/1.1 401 Unauthorized\r\n${challenge}${plainText}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
    const logins = [
      [],
      [basicAuth('wrong')],
      [basicAuth(sourcePassword, 'admin')],
      ['Authorization: Basic !'],
      ['Authorization: Bearer x'],
    ];
    for (const login of logins) {
      const all = joined(head('SOURCE /login HTTP/1.0', ...login, type), mp3(nextId++));
      assert.equal(await RawClient.exchange(server.httpPort, all), refusal, login.join());
    }
  });

  test('a mount may have its own password, hashed, and its own user', async () => {
    const tries = [
      ['/own', basicAuth(ownPassword), true],
      ['/own', basicAuth(sourcePassword), false],
      ['/hashed', basicAuth(hashedPassword, 'dj'), true],
      ['/hashed', basicAuth(hashedPassword, 'source'), false],
      ['/hashed', basicAuth(sourcePassword, 'dj'), false],
    ] as const;
    for (const [mount, login, isRight] of tries) {
      const client = await connect();
      client.write(head(`SOURCE ${mount} HTTP/1.0`, login, type));
      const answer = (await client.untilText('\r\n')).toString('latin1');
      assert.match(answer, isRight ? /^HTTP\/1\.0 200 / : /^HTTP\/1\.1 401 /, `${mount} ${login}`);
      client.socket.end();
      await client.closed();
      if (isRight) await server.waitFor('source.disconnected', 10_000, (line) => line['mount'] === mount);
    }
  });
});

describe('SHOUTcast v1 sources', () => {
  const headers =
    'icy-name:Sh\xf6ut\r\nicy-genre:Rock\r\nicy-pub:1\r\nicy-br:128\r\ncontent-type:audio/mpeg\r\n\r\n';

  async function login(line: string, port = server.shoutcastPort): Promise<RawClient> {
    const client = await connect(port);
    client.write(line);
    return client;
  }

  async function leave(client: RawClient): Promise<void> {
    client.socket.end();
    await client.closed();
  }

  test('step by step: exactly 20 bytes, then nothing more while it is on air', async () => {
    const id = nextId++;
    const client = await login(`${sourcePassword}\r\n`);
    await client.untilBytes(icyAccepted.length);
    assert.equal(client.text, icyAccepted);
    assert.equal(icyAccepted.length, 20);
    client.write(headers);
    client.write(mp3(id));
    await expectHeard('/stream', id);
    const status = await statusOf(server, '/stream');
    assert.deepEqual(
      [status['server_name'], status['genre'], status['bitrate'], status['server_type']],
      ['Shöut', 'Rock', 128, 'audio/mpeg'],
    );
    client.socket.end();
    assert.equal((await client.closed()).toString('latin1'), icyAccepted);
  });

  test('everything in one piece with bare line feeds and without a type, on either port', async () => {
    for (const port of [server.shoutcastPort, server.httpPort]) {
      const id = nextId++;
      const block = `/pipelined/${id}:${sourcePassword}\nicy-name:Piped\nHost: radio\n\n`;
      const client = await connect(port);
      client.write(joined(block, mp3(id)));
      await client.untilBytes(icyAccepted.length);
      await expectHeard(`/pipelined/${id}`, id);
      assert.equal(client.text, icyAccepted);
      await leave(client);
    }
  });

  test('byte by byte', async () => {
    const id = nextId++;
    const client = await connect(server.shoutcastPort);
    await client.writeByteByByte(joined(`/slowly:${sourcePassword}\r\n${headers}`, mp3(id)));
    await expectHeard('/slowly', id);
    assert.equal(client.text, icyAccepted);
    await leave(client);
  });

  test('a wrong password is told so and closed', async () => {
    for (const line of [
      'wrong\r\n',
      'wrong\n',
      `dj:wrong\r\n`,
      '/m:wrong\r\n',
      `${sourcePassword}x:#2\r\n`,
    ]) {
      assert.equal(
        await RawClient.exchange(server.shoutcastPort, line + headers),
        'invalid password\r\n',
        line,
      );
    }
  });

  test('the poke of libshout is answered without the letters OK', async () => {
    for (const port of [server.shoutcastPort, server.httpPort]) {
      const answer = await RawClient.exchange(port, '!POKE\nicy-name:libshout server poke request\n\n');
      assert.ok(answer.length > 0);
      assert.doesNotMatch(answer, /OK/i);
    }
  });

  test('streams by number, DJs and mounts by path in the password line', async () => {
    const lines = [
      [`${sourcePassword}:#1`, '/stream'],
      [`${sourcePassword}:#2`, '/two.mp3'],
      [`dj:${sourcePassword}`, '/stream'],
      [`dj:${sourcePassword}:#2`, '/two.mp3'],
      [`/by/path:${sourcePassword}`, '/by/path'],
      [`/own:${ownPassword}`, '/own'],
      [`/hashed:${hashedPassword}`, '/hashed'],
    ] as const;
    for (const [line, mount] of lines) {
      const id = nextId++;
      const client = await connect(server.shoutcastPort);
      client.write(joined(`${line}\r\n${headers}`, mp3(id)));
      await client.untilBytes(icyAccepted.length);
      await expectHeard(mount, id);
      assert.equal(client.text, icyAccepted, line);
      await leave(client);
      await free(mount);
    }
    const unfit = await RawClient.exchange(server.shoutcastPort, `/own:${sourcePassword}\r\n`);
    assert.equal(unfit, 'invalid password\r\n', 'the password of the server is not that of the mount');
  });

  test('the server’s own paths are no mounts here either', async () => {
    for (const path of ['/admin/x', '/', '/%61dmin/x', '/a/../b']) {
      const answer = await RawClient.exchange(
        server.shoutcastPort,
        `${path}:${sourcePassword}\r\n${headers}`,
      );
      assert.doesNotMatch(answer, /OK/, path);
      assert.ok(answer.length > 0, path);
    }
  });

  test('HTTP sources and listeners are served on this port too', async () => {
    const id = nextId++;
    const client = await connect(server.shoutcastPort);
    client.write(joined(head('PUT /over-there HTTP/1.1', auth, 'Content-Type: audio/mpeg'), mp3(id)));
    await client.untilBytes(accepted.length);
    assert.equal(client.text, accepted);
    await expectHeard('/over-there', id);
    const status = await fetch(`http://127.0.0.1:${server.shoutcastPort}/status-json.xsl`);
    assert.equal(status.status, 200);
  });

  test('titles by admin.cgi, with the passwords that the source itself sends', async () => {
    const id = nextId++;
    const client = await connect(server.shoutcastPort);
    client.write(joined(`${sourcePassword}:#2\r\n${headers}`, mp3(id)));
    await client.untilBytes(icyAccepted.length);
    await expectHeard('/two.mp3', id);
    const updates = [
      [`pass=${sourcePassword}&sid=2&song=First%20title`, 'First title'],
      [`pass=${encodeURIComponent(`${sourcePassword}:#2`)}&song=Caf%e9`, 'Café'],
      [`pass=${sourcePassword}&sid=2&song=It's(raw)"%C3%A9"`, `It's(raw)"é"`],
      [`pass=${sourcePassword}&sid=2&song=${utf8}`, 'Zürich 日本'],
      [`pass=${sourcePassword}&sid=2&song=raw spaces, K\xf6ln`, 'raw spaces, Köln'],
    ] as const;
    for (const [query, title] of updates) {
      const answer = await RawClient.exchange(
        server.httpPort,
        `GET /admin.cgi?mode=updinfo&${query} HTTP/1.0\r\nUser-Agent: ShoutcastDSP (Mozilla Compatible)\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.[01] 200 OK\r\n/, query);
      await statusOf(server, '/two.mp3', (source) => source['title'] === title);
    }
    const wrong = await RawClient.exchange(
      server.httpPort,
      'GET /admin.cgi?mode=updinfo&pass=no&sid=2&song=x HTTP/1.0\r\n\r\n',
    );
    assert.match(wrong, /^HTTP\/1\.1 401 /);
    await leave(client);
  });
});
