/**
 * The admin interface as Icecast's users know it: who may do what, the exact answers
 * against those captured from Icecast 2.4.4, and that commands act.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { type CountingFormat, countingFormats } from '../support/counting-frames.ts';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { adminPassword, ServerProcess, sourcePassword } from '../support/server-process.ts';
import { statusOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';

const otherPassword = 'other-Pw-77';
const relayPassword = 'relay-Pw-77';
const ini = `
RelayPassword=${relayPassword}
[Server]
Admin=icemaster@localhost
Hostname=localhost
[Limits]
AuthFailures=1000
[Streaming]
Linger=0
[Mount /other.mp3]
SourcePassword=${otherPassword}
HoldTimeout=0
[Mount /hidden.mp3]
Hidden=true
[Mount /lingers.mp3]
Linger=60
`;

let server: ServerProcess;
let source: CountingSource;

const fixture = (name: string) =>
  readFileSync(new URL(`../fixtures/icecast-2.4.4/${name}`, import.meta.url), 'utf8');

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** Who asks, by what they send. */
const callers = {
  'nobody in particular': undefined,
  'a bad password': basic('admin', 'wrong'),
  'a bad user': basic('root', adminPassword),
  'no user and no password': basic('', ''),
  'a user without a password': basic('admin', ''),
  'a broken header': 'Basic !!!',
  'another scheme': `Bearer ${adminPassword}`,
  'the source of the mount': basic('source', sourcePassword),
  'the source of another mount': basic('source', otherPassword),
  'a relay': basic('relay', relayPassword),
  'the administrator': basic('admin', adminPassword),
} as const;
type Caller = keyof typeof callers;

type Answer = { readonly status: number; readonly headers: Headers; readonly body: string };

async function call(
  path: string,
  caller: Caller = 'the administrator',
  init: RequestInit = {},
): Promise<Answer> {
  const authorization = callers[caller];
  const headers = { ...(authorization && { authorization }), ...init.headers };
  const response = await fetch(`${server.url}${path}`, { ...init, headers });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

async function goOnAir(
  mount: string,
  headers: readonly string[] = [],
  password = sourcePassword,
  format = countingFormats.mp3At128 as CountingFormat,
) {
  const started = await CountingSource.start({ port: server.httpPort, mount, password, headers, format });
  await server.waitFor('source.connected', 10_000, (line) => line['mount'] === mount);
  return started;
}

/** What differs from one moment, or one server, to another is taken out. */
function timeless(document: string): string {
  return document
    .replace(
      /<(\w*connections|clients|sources|listeners|Connected|ID|total_bytes_\w+|listener_peak)>\d+</g,
      '<$1>N<',
    )
    .replace(/<(server_start|stream_start)(_iso8601)?>[^<]*</g, '<$1$2>T<')
    .replace(/<server_id>[^<]*</, '<server_id>S<')
    .replace(/<user_agent>[^<]*</g, '<user_agent>U<')
    .replaceAll(`localhost:${server.httpPort}`, 'localhost:18244');
}

before(async () => {
  server = await ServerProcess.start({ ini });
  source = await goOnAir('/a.mp3', [
    'ice-name: Name A',
    `ice-description: Desc <&> "q" 'x'`,
    'ice-genre: Rock',
    'ice-url: http://a.example/',
    'ice-public: 1',
  ]);
});

after(async () => {
  source.destroy();
  await server.stop();
});

describe('who may do what', () => {
  const ofMount: readonly Caller[] = ['the source of the mount', 'the administrator'];
  const ofServer: readonly Caller[] = ['the administrator'];
  const ofRelays: readonly Caller[] = ['a relay', 'the administrator'];
  const commands: readonly (readonly [
    path: string,
    allowed: readonly Caller[],
    statusWhenAllowed: number,
  ])[] = [
    ['/admin/metadata?mode=updinfo&mount=/a.mp3&song=x', ofMount, 200],
    ['/admin/metadata?mode=nonsense&mount=/a.mp3', ofMount, 200],
    ['/admin/metadata.xsl?mode=updinfo&mount=/a.mp3&song=x', ofMount, 200],
    ['/admin/metadata?mode=updinfo&song=x', ofServer, 400],
    ['/admin/stats?mount=/a.mp3', ofMount, 200],
    ['/admin/listclients?mount=/a.mp3', ofMount, 200],
    ['/admin/listclients', ofServer, 400],
    ['/admin/moveclients?mount=/a.mp3', ofMount, 200],
    ['/admin/moveclients.xsl?mount=/a.mp3', ofMount, 200],
    ['/admin/moveclients?mount=/a.mp3&destination=/none.mp3', ofMount, 400],
    ['/admin/moveclients?destination=/a.mp3', ofServer, 400],
    ['/admin/killclient?mount=/a.mp3&id=99999', ofMount, 200],
    ['/admin/killclient?mount=/a.mp3', ofMount, 400],
    ['/admin/killclient?id=1', ofServer, 400],
    ['/admin/killsource', ofServer, 400],
    ['/admin/updatemetadata?mount=/a.mp3', ofMount, 200],
    ['/admin/stats', ofServer, 200],
    ['/admin/stats.xml', ofServer, 200],
    ['/admin/stats.xsl', ofServer, 200],
    ['/admin/', ofServer, 200],
    ['/admin/listmounts', ofServer, 200],
    ['/admin/listmounts.xsl', ofServer, 200],
    ['/admin/streamlist', ofRelays, 200],
    ['/admin/streamlist.txt', ofRelays, 200],
  ];

  for (const [path, allowed, statusWhenAllowed] of commands) {
    test(`${path}: ${allowed.join(' and ')}`, async () => {
      for (const method of ['GET', 'POST'] as const) {
        for (const caller of Object.keys(callers) as Caller[]) {
          const { status, headers, body } = await call(path, caller, { method });
          const what = `${method} by ${caller}`;
          if (allowed.includes(caller)) {
            assert.equal(status, statusWhenAllowed, what);
            continue;
          }
          assert.equal(status, 401, what);
          assert.match(headers.get('www-authenticate') ?? '', /^Basic realm="/, what);
          assert.match(headers.get('content-type') ?? '', /^text\/plain/, what);
          assert.equal(body, 'You need to authenticate\r\n', what);
        }
      }
    });
  }

  test('killing a source takes its own password or the administrator’s', async () => {
    for (const caller of Object.keys(callers) as Caller[]) {
      if (ofMount.includes(caller)) continue;
      assert.equal((await call('/admin/killsource?mount=/a.mp3', caller)).status, 401, caller);
    }
    assert.equal((await call('/status-json.xsl')).body.includes('/a.mp3'), true);
  });

  test('no spelling of a path gets around the login', async () => {
    const spellings = ['/admin//stats', '/admin/./stats', '//admin/stats', '/%61dmin/stats', '/ADMIN/stats'];
    for (const path of [
      ...spellings,
      '/admin/stats/',
      '/admin/STATS',
      '/admin/stats%00',
      '/x/../admin/stats',
    ]) {
      const client = StreamClient.send({ port: server.httpPort, path });
      const { status, body } = await client.answer();
      client.close();
      assert.ok(status >= 400 && status < 500, `${path}: ${status}`);
      assert.doesNotMatch(body, /icestats/, path);
    }
  });

  test('a command that nobody knows is told so without a login', async () => {
    for (const path of [
      '/admin/nonsense',
      '/admin/!POKE',
      '/admin/nonsense?mount=/a.mp3',
      '/admin/.xsl.xsl',
    ]) {
      const { status, body } = await call(path, 'nobody in particular');
      assert.equal(status, 400);
      assert.equal(body, fixture('error-400.html'), path);
    }
  });

  test('guessing is slowed down, for the one who guesses', async () => {
    const strict = await ServerProcess.start({ ini: '[Limits]\nAuthFailures=3' });
    try {
      const guess = (password: string, from: string) =>
        RawClient.exchange(
          strict.httpPort,
          `GET /admin/stats HTTP/1.0\r\nAuthorization: ${basic('admin', password)}\r\n\r\n`,
          from,
        );
      for (let i = 0; i < 3; i += 1) assert.match(await guess('wrong', '127.0.0.2'), /^HTTP\/1\.\d 401 /);
      const refused = await guess(adminPassword, '127.0.0.2');
      assert.match(refused, /^HTTP\/1\.\d 429 [\s\S]*retry-after: \d+/i);
      assert.match(await guess(adminPassword, '127.0.0.3'), /^HTTP\/1\.\d 200 /);
    } finally {
      await strict.stop();
    }
  });
});

describe('answers are those of Icecast 2.4.4', () => {
  const exact: readonly (readonly [path: string, status: number, file: string])[] = [
    ['/admin/metadata?mode=updinfo&mount=/a.mp3&song=x', 200, 'response-metadata-ok.xml'],
    ['/admin/killclient?mount=/a.mp3&id=99999', 200, 'response-killclient-none.xml'],
    ['/admin/updatemetadata?mount=/a.mp3', 200, 'updatemetadata.xml'],
    ['/admin/nonsense', 400, 'error-400.html'],
    ['/nonsense', 404, 'error-404.html'],
  ];
  for (const [path, status, file] of exact) {
    test(`${path} is ${file}`, async () => {
      const answer = await call(path);
      assert.deepEqual([answer.status, answer.body], [status, fixture(file)]);
      const wanted = file.endsWith('.xml') ? 'text/xml; charset=utf-8' : 'text/html; charset=utf-8';
      assert.equal(answer.headers.get('content-type'), wanted);
    });
  }

  const refusals: readonly (readonly [path: string, text: string])[] = [
    ['/admin/metadata?mount=/a.mp3&song=x', 'Missing parameter'],
    ['/admin/metadata?mode=updinfo&mount=/none.mp3&song=x', 'Source does not exist'],
    ['/admin/metadata?mode=updinfo&mount=../..&song=x', 'Source does not exist'],
    ['/admin/listclients?mount=/none.mp3', 'Source does not exist'],
    ['/admin/moveclients?mount=/none.mp3', 'Source does not exist'],
    ['/admin/moveclients?mount=/none.mp3&destination=/a.mp3', 'Source does not exist'],
    ['/admin/moveclients?mount=/a.mp3&destination=/none.mp3', 'No such destination'],
    ['/admin/moveclients?mount=/a.mp3&destination=', 'No such destination'],
    ['/admin/moveclients?mount=/a.mp3&destination=../..', 'No such destination'],
    ['/admin/moveclients.xsl?mount=/a.mp3&destination=/none.mp3', 'No such destination'],
    ['/admin/moveclients?mount=/a.mp3&destination=/a.mp3', 'supplied mountpoints are identical'],
    ['/admin/moveclients?destination=/a.mp3', 'Missing parameter'],
    ['/admin/killclient?mount=/none.mp3&id=1', 'Source does not exist'],
    ['/admin/killsource?mount=/none.mp3', 'Source does not exist'],
    ['/admin/stats?mount=/none.mp3', 'Source does not exist'],
    ['/admin/updatemetadata?mount=/none.mp3', 'Source does not exist'],
    ['/admin/killclient?mount=/a.mp3', 'Missing parameter'],
    ['/admin/listclients', 'Missing parameter'],
  ];
  for (const [path, text] of refusals) {
    test(`${path} is refused: ${text}`, async () => {
      const { status, body } = await call(path);
      const wanted = `<html><head><title>Error 400</title></head><body><b>400 - ${text}</b></body></html>\r\n`;
      assert.deepEqual([status, body], [400, wanted]);
    });
  }

  test('an unknown mode is no error', async () => {
    assert.equal(
      (await call('/admin/metadata?mode=nonsense&mount=/a.mp3')).body,
      '<?xml version="1.0"?>\n<iceresponse><message>No such action</message><return>0</return></iceresponse>\n',
    );
  });

  test('the .xsl form is a page for people', async () => {
    const { headers, body } = await call('/admin/metadata.xsl?mode=updinfo&mount=/a.mp3&song=x');
    assert.match(headers.get('content-type') ?? '', /^text\/html/);
    assert.equal(
      body,
      fixture('success-fallbacks.html').replace('Fallback configured', 'Metadata update successful'),
    );
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/);
  });

  test('where listeners can be moved to, and that they were', async () => {
    const page = '/admin/moveclients?mount=/a.mp3';
    const none = '<?xml version="1.0"?>\n<icestats><current_source>/a.mp3</current_source></icestats>\n';
    assert.equal((await call(page)).body, none);
    const others = [
      await goOnAir('/b.mp3'),
      await goOnAir('/c.aac', [], sourcePassword, countingFormats.largeAac),
    ];
    await statusOf(server, '/c.aac');
    assert.equal(timeless((await call(page)).body), timeless(fixture('moveclients-3.xml')));
    const { body } = await call(page.replace('?', '.xsl?'));
    assert.match(body, /^<html>.*&lt;current_source&gt;\/a\.mp3&lt;/s);
    const { status, headers, body: moved } = await call(`${page}&destination=/b.mp3`);
    assert.deepEqual([status, moved], [200, fixture('response-moveclients.xml')]);
    assert.equal(headers.get('content-type'), 'text/xml; charset=utf-8');
    assert.equal(
      (await call(`${page.replace('?', '.xsl?')}&destination=/b.mp3`, 'the source of the mount')).body,
      fixture('success-fallbacks.html').replace('Fallback configured', 'Clients moved from /a.mp3 to /b.mp3'),
    );
    for (const other of others) await other.end();
    await eventually('the others have ended', async () => (await call(page)).body === none);
  });

  test('with one source and one listener all documents have Icecast’s shape', async () => {
    const listener = await StreamClient.open({
      port: server.httpPort,
      path: '/a.mp3',
      headers: ['User-Agent: Test/1.0 (a&b)'],
    });
    const song = encodeURIComponent('Artist & Co - "Title" <1>');
    await call(`/admin/metadata?mode=updinfo&mount=/a.mp3&song=${song}`);
    await statusOf(server, '/a.mp3', ({ listeners }) => listeners === 1);
    // Of a source without `ice-bitrate`, Icecast does not look at the frames.
    const ours = /<(bitrate|ice-samplerate|ice-channels|listener_connections)>\w+<\/\1>/g;
    const fixed = (text: string) =>
      timeless(text).replace(/<source .*/s, (element) => element.replace(ours, ''));
    assert.equal(fixed((await call('/admin/stats')).body), fixed(fixture('stats-1.xml')));
    assert.equal(fixed((await call('/admin/')).body), fixed(fixture('stats-1.xml')));
    assert.equal(
      timeless((await call('/admin/listclients?mount=/a.mp3')).body),
      timeless(fixture('listclients-1.xml')),
    );
    assert.equal(timeless((await call('/admin/listmounts')).body), timeless(fixture('listmounts-1.xml')));
    assert.equal(timeless((await call('/admin/streamlist')).body), timeless(fixture('listmounts-1.xml')));
    assert.equal((await call('/admin/streamlist.txt')).body, '/a.mp3\r\n');
    assert.equal(
      (await call('/a.mp3.m3u')).body,
      `#EXTM3U\r\n#EXTINF:-1,Name A\r\nhttp://localhost:${server.httpPort}/a.mp3\r\n`,
    );
    const xspf = (text: string) => text.replace(/^Bitrate: \d+\n/m, '').replaceAll(/localhost:\d+/g, 'H');
    assert.equal(xspf((await call('/a.mp3.xspf')).body), xspf(fixture('mount.xspf')));
    listener.close();
    await statusOf(server, '/a.mp3', ({ listeners }) => listeners === 0);
  });
});

describe('commands act', () => {
  test('killclient ends that listener and no other', async () => {
    const [first, second] = [1, 2].map((n) =>
      StreamClient.send({ port: server.httpPort, path: '/a.mp3', headers: [`User-Agent: kill-${n}`] }),
    );
    assert.ok(first && second);
    await Promise.all([first.head(), second.head()]);
    const idOf = (body: string, agent: string) =>
      new RegExp(`<UserAgent>${agent}</UserAgent><Connected>\\d+</Connected><ID>(\\d+)</ID>`).exec(body)?.[1];
    const { body } = await call('/admin/listclients?mount=/a.mp3', 'the source of the mount');
    const id = idOf(body, 'kill-1');
    assert.ok(id, body);
    assert.equal(
      (await call(`/admin/killclient?mount=/a.mp3&id=${id}`, 'the source of the mount')).body,
      fixture('response-killclient-none.xml')
        .replace('99999 not found', `${id} removed`)
        .replace('>0<', '>1<'),
    );
    await first.raw.closed();
    const left = (await call('/admin/listclients?mount=/a.mp3')).body;
    assert.equal(idOf(left, 'kill-1'), undefined);
    assert.ok(idOf(left, 'kill-2'));
    assert.ok(!second.raw.isClosed);
    second.close();
  });

  test('killsource ends the source and its listeners', async () => {
    const other = await goOnAir('/other.mp3', [], otherPassword);
    const listener = await StreamClient.open({ port: server.httpPort, path: '/other.mp3' });
    const { body } = await call('/admin/killsource?mount=/other.mp3', 'the source of another mount');
    assert.equal(body, fixture('response-killsource.xml'));
    await Promise.all([other.closed, listener.raw.closed()]);
    assert.equal((await StreamClient.ask({ port: server.httpPort, path: '/other.mp3' })).status, 404);
    assert.equal((await call('/admin/listclients?mount=/other.mp3')).status, 400);
  });

  test('a mount whose source has just gone is known and not available', async () => {
    const gone = await goOnAir('/lingers.mp3');
    await gone.end();
    await server.waitFor('source.disconnected', 10_000, (line) => line['mount'] === '/lingers.mp3');
    for (const path of ['metadata?mode=updinfo&song=x&mount=/lingers.mp3', 'killsource?mount=/lingers.mp3']) {
      const { status, body } = await call(`/admin/${path}`);
      assert.equal(status, 400);
      assert.match(body, /400 - Source is not available</);
    }
  });

  test('a body beyond the limit is refused', async () => {
    const body = `song=${'x'.repeat(70_000)}`;
    const { status } = await call('/admin/metadata?mode=updinfo&mount=/a.mp3', 'the administrator', {
      method: 'POST',
      body,
    });
    assert.equal(status, 413);
    assert.equal((await call('/admin/listmounts')).status, 200);
  });
});

describe('a server without sources', () => {
  test('answers as Icecast does', { skip: missingProgram('xmllint') }, async () => {
    const empty = await ServerProcess.start({
      ini: '[Server]\nAdmin=icemaster@localhost\nHostname=localhost',
    });
    try {
      const stats = await (await empty.admin('/admin/stats')).text();
      assert.equal(timeless(stats), timeless(fixture('stats-0.xml')));
      assert.equal(await (await empty.admin('/admin/listmounts')).text(), fixture('listmounts-0.xml'));
      assert.equal(await (await empty.admin('/admin/streamlist.txt')).text(), '');
      const json = await (await fetch(`${empty.url}/status-json.xsl`)).text();
      const shape = (text: string) => text.replace(/"(server_start\w*|server_id)":"[^"]*"/g, '"$1":"*"');
      assert.equal(shape(json), shape(fixture('status-json-0.json')));
      assert.equal(await (await fetch(`${empty.url}/7.xsl`)).text(), '');
      await ProgramProcess.run('xmllint', ['--noout', '-'], Buffer.from(stats));
    } finally {
      await empty.stop();
    }
  });
});
