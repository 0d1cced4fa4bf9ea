/** `ListenerAuth` for streams: by a file of passwords, and by a back end that behaves in every way. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { AuthBackend, acceptAll } from '../support/auth-backend.ts';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { runServerCommand } from '../support/server-command.ts';
import { ServerProcess } from '../support/server-process.ts';
import { metricOf } from '../support/server-views.ts';
import { type ResponseHead, StreamClient } from '../support/stream-client.ts';

const basic = (user: string, password: string) =>
  `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const md5 = (text: string) => createHash('md5').update(text).digest('hex');
/** `openssl passwd -apr1 -salt abcdefgh 'pä ss1'` */
const apr1 = '$apr1$abcdefgh$NdMobE2gq15nf7rZqOJN40';

type Who = { readonly from?: string; readonly headers?: readonly string[]; readonly method?: string };

async function ask(server: ServerProcess, path: string, who: Who = {}): Promise<ResponseHead> {
  const { from = '127.0.0.1', headers = [], method = 'GET' } = who;
  const client = await StreamClient.open({
    port: server.httpPort,
    path,
    localAddress: from,
    headers,
    method,
  });
  const head = await client.head();
  client.close();
  return head;
}

async function listClients(server: ServerProcess, mount: string): Promise<string> {
  return (await server.admin(`/admin/listclients?mount=${mount}`)).text();
}

describe('a mount with a file of passwords', { timeout: 60_000 }, () => {
  const mount = '/members.mp3';
  let folder: string;
  let file: string;
  let server: ServerProcess;
  let source: CountingSource;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'legacystream-auth-'));
    file = join(folder, 'listeners');
    await writeFile(file, `# Icecast’s\nann:${md5('ann-pw')}\nbob:${apr1}\n`);
    server = await ServerProcess.start({
      set: ['limits.authFailures=3'],
      ini: `[Mount /members*]\nListenerAuth=htpasswd\nListenerPasswordFile=${file}\n`,
    });
    source = await CountingSource.start({ port: server.httpPort, mount });
  });
  after(async () => {
    source?.destroy();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('lets in who has the password, and asks others for one', async () => {
    for (const method of ['GET', 'HEAD']) {
      const challenge = await ask(server, mount, { method, from: '127.0.9.1' });
      assert.equal(challenge.status, 401);
      assert.equal(challenge.headers.get('www-authenticate'), 'Basic realm="LegacyStream", charset="UTF-8"');
      for (const [user, password, status] of [
        ['ann', 'ann-pw', 200],
        ['bob', 'pä ss1', 200],
        ['ann', 'bob-pw', 401],
        ['eve', 'ann-pw', 401],
      ] as const)
        assert.equal(
          (
            await ask(server, mount, {
              method,
              headers: [basic(user, password)],
              from: `127.0.9.${method.length}`,
            })
          ).status,
          status,
          `${method} as ${user}`,
        );
    }
    assert.equal((await fetch(`${server.url}/status-json.xsl`)).status, 200);
    assert.equal((await ask(server, mount, { method: 'OPTIONS' })).status, 204);
  });

  test('knows its listeners by name', async () => {
    const client = await StreamClient.open({
      port: server.httpPort,
      path: mount,
      headers: [basic('ann', 'ann-pw')],
    });
    await client.receive(4_000);
    assert.match(await listClients(server, mount), /<username>ann<\/username>/i);
    client.close();
  });

  test('guessing is slowed down, for listeners alone', async () => {
    const from = '127.0.9.77';
    const right = [basic('ann', 'ann-pw')];
    for (let guess = 0; guess < 3; guess += 1)
      assert.equal(
        (await ask(server, mount, { from, headers: [basic('ann', `guess-${guess}`)] })).status,
        401,
      );
    const limited = await ask(server, mount, { from, headers: right });
    assert.equal(limited.status, 429);
    assert.match(limited.headers.get('retry-after') ?? '', /^[1-9]\d?$/);
    assert.equal((await ask(server, mount, { from: '127.0.9.78', headers: right })).status, 200);
  });

  test('a changed file counts at once, and one that is none leaves the last', async () => {
    const asCarl = async () =>
      (await ask(server, mount, { from: '127.0.8.1', headers: [basic('carl', 'carl-pw')] })).status;
    await writeFile(file, `carl:${md5('carl-pw')}\n`);
    await eventually('the new file counts', async () => {
      const from = `127.0.8.${2 + Math.floor(Math.random() * 250)}`;
      return (await ask(server, mount, { from, headers: [basic('carl', 'carl-pw')] })).status === 200;
    });
    assert.equal(
      (await ask(server, mount, { from: '127.0.7.1', headers: [basic('ann', 'ann-pw')] })).status,
      401,
    );
    await writeFile(file, 'carl:secret-in-clear\n');
    await eventually('the trouble is told', async () => {
      assert.equal(await asCarl(), 200);
      return server.lines.some(({ event }) => event === 'listener_passwords.failed');
    });
    await rm(file);
    await eventually('it is told again', async () => {
      assert.equal(await asCarl(), 200);
      return server.lines.filter(({ event }) => event === 'listener_passwords.failed').length === 2;
    });
    assert.ok(!server.output.includes('carl-pw') && !server.output.includes('secret-in-clear'));
  });
});

describe('a mount that asks a back end', { timeout: 120_000 }, () => {
  const mount = '/url.mp3';
  const kind = '/kind.mp3';
  let backend: AuthBackend;
  let server: ServerProcess;
  let sources: CountingSource[] = [];

  before(async () => {
    backend = await AuthBackend.start();
    const urls = `ListenerAddUrl=${backend.url}/add\nListenerRemoveUrl=${backend.url}/remove\n`;
    server = await ServerProcess.start({
      ini: `[Mount ${mount}]\nListenerAuth=url\n${urls}AuthTimeout=2\n[Mount ${kind}]\nListenerAuth=url\n${urls}AuthTimeout=0.5\nAuthFailure=allow\nAuthUser=radio\nAuthPassword=secret-77\n[Mount /free.mp3]\n`,
    });
    sources = await Promise.all(
      [mount, kind, '/free.mp3'].map((path) => CountingSource.start({ port: server.httpPort, mount: path })),
    );
  });
  after(async () => {
    for (const source of sources) source.destroy();
    await server?.stop();
    await backend?.stop();
  });
  beforeEach(() => {
    backend.answer = acceptAll;
    backend.calls.length = 0;
    backend.peak = 0;
  });

  test('reports each listener once, however it ends', async () => {
    const listen = async (from: string) => {
      const client = await StreamClient.open({ port: server.httpPort, path: mount, localAddress: from });
      assert.equal((await client.head()).status, 200);
      return client;
    };
    const clients = await Promise.all(['127.0.3.1', '127.0.3.2', '127.0.3.3', '127.0.3.4'].map(listen));
    const calls = await backend.until('listener_add', 4);
    const idOf = (ip: string) => calls.find(({ fields }) => fields.get('ip') === ip)!.fields.get('client')!;
    clients[0]!.close();
    await server.admin(`/admin/killclient?mount=${mount}&id=${idOf('127.0.3.2')}`);
    await server.admin('/admin/ban?ip=127.0.3.3');
    await server.admin(`/admin/moveclients?mount=${mount}&destination=/free.mp3`);
    clients[3]!.close();
    const gone = await backend.until('listener_remove', 4);
    assert.deepEqual(
      gone.map(({ fields }) => fields.get('client')).sort(),
      calls.map(({ fields }) => fields.get('client')).sort(),
    );
    assert.ok(gone.every(({ fields }) => fields.get('mount') === mount));
    assert.equal(backend.of('listener_add').length, 4);
  });

  test('asks about HEAD, and reports at once that nobody listens', async () => {
    assert.equal((await ask(server, mount, { method: 'HEAD' })).status, 200);
    const [gone] = await backend.until('listener_remove', 1);
    assert.equal(gone!.fields.get('duration'), '0');
    backend.answer = (_call, response) => void response.end();
    assert.equal((await ask(server, mount, { method: 'HEAD' })).status, 401);
  });

  test('does not ask about who may not listen anyway', async () => {
    assert.equal((await ask(server, '/nowhere.mp3')).status, 404);
    await server.admin('/admin/ban?ip=127.0.4.4');
    assert.equal((await ask(server, mount, { from: '127.0.4.4' })).status, 403);
    assert.deepEqual(backend.calls, []);
  });

  test('logs what the back end says, cleaned', async () => {
    backend.answer = (_call, response) =>
      void response.writeHead(200, { 'icecast-auth-message': 'pay\tfirst' }).end();
    assert.equal((await ask(server, mount)).status, 401);
    const line = await server.waitFor('listener_auth.message');
    assert.deepEqual([line['message'], line['accepted']], ['pay first', false]);
  });

  test('one that never answers, or sends no end, holds nobody for longer than it may', async () => {
    backend.answer = () => {};
    const started = performance.now();
    const heads = await Promise.all(Array.from({ length: 100 }, () => ask(server, mount)));
    const tookMs = performance.now() - started;
    assert.deepEqual([...new Set(heads.map(({ status }) => status))], [401]);
    assert.ok(tookMs > 1_900 && tookMs < 4_000, `${tookMs} ms`);
    assert.ok(backend.peak <= 32, `${backend.peak} at once`);
    const failed = await server.waitFor('listener_auth.failed');
    assert.equal(failed['mount'], mount);

    backend.answer = (_call, response) => {
      response.writeHead(200, { 'icecast-auth-user': '1' });
      response.write('x'.repeat(1_000_000));
    };
    const client = await StreamClient.open({ port: server.httpPort, path: mount });
    assert.equal((await client.head()).status, 200);
    assert.ok(client.elapsedMs < 1_000, `${client.elapsedMs} ms`);
    client.close();
    await backend.until('listener_remove', 1);
  });

  test('one that is gone refuses, or lets in where the mount says so', async () => {
    backend.answer = (_call, response) => void response.destroy();
    assert.equal((await ask(server, mount)).status, 401);
    assert.equal((await ask(server, kind)).status, 200);
    assert.equal(
      backend.of('listener_add').at(-1)!.headers.authorization,
      `Basic ${Buffer.from('radio:secret-77').toString('base64')}`,
    );
    backend.answer = acceptAll;
    assert.equal((await ask(server, mount)).status, 200);
    assert.ok(!server.output.includes('secret-77'));
  });

  test('a thousand that come at once are all asked about, some at a time', async () => {
    backend.answer = (call, response) => void setTimeout(() => acceptAll(call, response), 5);
    const clients = await Promise.all(
      Array.from({ length: 1_000 }, () => StreamClient.open({ port: server.httpPort, path: mount })),
    );
    const slowestMs = Math.max(...clients.map(({ elapsedMs }) => elapsedMs));
    const statuses = await Promise.all(clients.map(async (client) => (await client.head()).status));
    assert.deepEqual([...new Set(statuses)], [200]);
    assert.equal(backend.of('listener_add').length, 1_000);
    assert.ok(backend.peak <= 32, `${backend.peak} at once`);
    for (const client of clients) client.close();
    await backend.until('listener_remove', 1_000, 20_000);
    assert.equal(await metricOf(server, 'legacystream_edge_listener_auth_reports_lost_total'), 0);
    console.log(`a thousand listeners were let in within ${Math.round(slowestMs)} ms`);
  });

  test('reports those who listen when the server ends', async () => {
    const own = await ServerProcess.start({
      ini: `[Mount ${mount}]\nListenerAuth=url\nListenerAddUrl=${backend.url}\nListenerRemoveUrl=${backend.url}\n`,
    });
    const source = await CountingSource.start({ port: own.httpPort, mount });
    const clients = await Promise.all(
      Array.from({ length: 50 }, () => StreamClient.open({ port: own.httpPort, path: mount })),
    );
    assert.equal(await own.stop(), 0);
    source.destroy();
    for (const client of clients) client.close();
    assert.equal(backend.of('listener_remove').length, 50);
  });
});

test('a back end that talks no HTTP, or accepts and is silent, costs nothing but the answer', async () => {
  const sockets = new Set<Socket>();
  const garbage: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', () => socket.write(Buffer.alloc(100_000, 'icecast-auth-user: 1\r\n')));
  });
  await new Promise<void>((resolve) => garbage.listen(0, '127.0.0.1', resolve));
  const address = garbage.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const server = await ServerProcess.start({
    ini: `[Mount /x.mp3]\nListenerAuth=url\nAuthTimeout=1\nListenerAddUrl=http://127.0.0.1:${port}/\n`,
  });
  const source = await CountingSource.start({ port: server.httpPort, mount: '/x.mp3' });
  try {
    for (let n = 0; n < 20; n += 1) assert.equal((await ask(server, '/x.mp3')).status, 401);
    await eventually('its connections are closed', () => [...sockets].every(({ destroyed }) => destroyed));
  } finally {
    source.destroy();
    await server.stop();
    for (const socket of sockets) socket.destroy();
    garbage.close();
  }
});

test('a kept connection that the back end closes with the next request is replaced', async () => {
  let connections = 0;
  const once: Server = createServer((socket) => {
    connections += 1;
    let answered = false;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      if (!data.includes('action=')) return;
      if (answered) return void socket.destroy();
      answered = true;
      socket.write('HTTP/1.1 200 OK\r\nicecast-auth-user: 1\r\nContent-Length: 0\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => once.listen(0, '127.0.0.1', resolve));
  const address = once.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const server = await ServerProcess.start({
    ini: `[Mount /x.mp3]\nListenerAuth=url\nListenerAddUrl=http://127.0.0.1:${port}/\n`,
  });
  const source = await CountingSource.start({ port: server.httpPort, mount: '/x.mp3' });
  try {
    for (let n = 1; n <= 5; n += 1) {
      assert.equal((await ask(server, '/x.mp3')).status, 200);
      assert.equal(connections, n);
    }
  } finally {
    source.destroy();
    await server.stop();
    once.close();
  }
});

test('edge threads ask about and report their own listeners', async () => {
  const backend = await AuthBackend.start();
  const server = await ServerProcess.start({
    set: ['server.workerThreads=3'],
    ini: `[Mount /t.mp3]\nListenerAuth=url\nListenerAddUrl=${backend.url}\nListenerRemoveUrl=${backend.url}\n`,
  });
  const source = await CountingSource.start({ port: server.httpPort, mount: '/t.mp3' });
  try {
    const clients = await Promise.all(
      Array.from({ length: 30 }, () => StreamClient.open({ port: server.httpPort, path: '/t.mp3' })),
    );
    assert.ok(
      (await Promise.all(clients.map((client) => client.head()))).every(({ status }) => status === 200),
    );
    const ids = backend.of('listener_add').map(({ fields }) => fields.get('client'));
    assert.equal(new Set(ids).size, 30);
    for (const client of clients.slice(0, 10)) client.close();
    await backend.until('listener_remove', 10);
    await server.stop();
    for (const client of clients) client.close();
    assert.deepEqual(
      backend
        .of('listener_remove')
        .map(({ fields }) => fields.get('client'))
        .sort(),
      ids.sort(),
    );
  } finally {
    source.destroy();
    await server.stop();
    await backend.stop();
  }
});

test('what cannot work ends the start with what to do', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'legacystream-auth-'));
  const clear = join(folder, 'clear');
  await writeFile(clear, 'ann:in-clear\n');
  const url = 'ListenerAddUrl=http://127.0.0.1/';
  try {
    for (const [lines, expected] of [
      ['ListenerAuth=htpasswd', /ListenerAuth=htpasswd needs ListenerPasswordFile/],
      [
        `ListenerAuth=htpasswd\nListenerPasswordFile=${folder}/none`,
        /cannot read .*none.*LS_CONFIG_UNREADABLE/,
      ],
      [`ListenerAuth=htpasswd\nListenerPasswordFile=${clear}`, /line 1 has no hash of a known kind/],
      ['ListenerAuth=url', /ListenerAuth=url needs ListenerAddUrl/],
      [url, /not asked without ListenerAuth=url/],
      [`ListenerAuth=url\nListenerAddUrl=ftp://x/`, /ListenerAddUrl: expected an http/],
      [`ListenerAuth=url\n${url}\n[Hls]\nCounting=off`, /set Counting=token, or Hls=false/],
      [`ListenerAuth=url\nListenerAddUrl=http://a:b@127.0.0.1/\nAuthUser=x`, /both given; keep one/],
      [`ListenerAuth=url\n${url}\nAuthHeader=yes`, /AuthHeader: expected the beginning of a header line/],
    ] as const) {
      const ini = join(folder, 'server.ini');
      await writeFile(ini, `[Mount /x.mp3]\n${lines}\n`);
      const { code, stdout, stderr } = await runServerCommand(['config', 'check', '--config', ini]);
      assert.equal(code, 1, lines);
      assert.match(stdout + stderr, expected);
      assert.ok(!(stdout + stderr).includes('in-clear'));
    }
    const ini = join(folder, 'server.ini');
    await writeFile(
      ini,
      `[Mount /x.mp3]\nListenerAuth=url\nListenerAddUrl=http://ann:hidden-77@127.0.0.1/\n`,
    );
    const shown = await runServerCommand(['config', 'explain', '/x.mp3', '--config', ini]);
    assert.equal(shown.code, 0);
    assert.ok(!shown.stdout.includes('hidden-77'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
