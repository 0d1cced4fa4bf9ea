/**
 * Bans that operators set while listeners listen: streams, ICY and HLS end and stay out, others
 * hear on, and those who are let in again come back; over a restart, and on edge threads.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { askEdge, watchedAac } from '../support/hls-cluster.ts';
import { HlsListener } from '../support/hls-listener.ts';
import { adminPassword, ServerProcess, sourcePassword } from '../support/server-process.ts';
import { metricOf, statusOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';

const mount = '/live.aac';
const declared = '/held.aac';
const [villain, bystander] = ['127.0.2.1', '127.0.3.1'];
const refusal = 'Listening from this address is not allowed';
/** A new ban ends listeners within this. */
const soonMs = 1_000;

type Answer = { readonly status: number; readonly body: string };

async function call(server: ServerProcess, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await server.admin(path, init);
  return { status: response.status, body: await response.text() };
}

/** Sets, lifts or lists bans on Icecast's admin and gives the message of the answer, or the document. */
async function command(server: ServerProcess, path: string): Promise<string> {
  const { status, body } = await call(server, `/admin/${path}`);
  assert.equal(status, 200, body);
  return /<message>(.*)<\/message><return>1</.exec(body)?.[1] ?? body;
}

function goOnAir(server: ServerProcess, to = mount): Promise<CountingSource> {
  return CountingSource.start({ port: server.httpPort, mount: to, format: watchedAac });
}

async function listen(
  server: ServerProcess,
  localAddress: string,
  headers: readonly string[] = [],
): Promise<StreamClient> {
  const client = await StreamClient.open({ port: server.httpPort, path: mount, localAddress, headers });
  assert.equal((await client.head()).status, 200);
  await client.receive(4_000);
  return client;
}

const ask = (server: ServerProcess, localAddress: string, path = mount, method = 'GET') =>
  StreamClient.ask({ port: server.httpPort, path, localAddress, method });

const counted = (server: ServerProcess, count: number) =>
  statusOf(server, mount, ({ listeners }) => listeners === count);

/** The admin by SHOUTcast's door, with a password in the query. */
async function cgi(server: ServerProcess, query: string, password = adminPassword): Promise<Answer> {
  const response = await fetch(`${server.url}/admin.cgi?sid=1&pass=${password}&${query}`);
  return { status: response.status, body: await response.text() };
}

for (const counting of ['token', 'off'] as const) {
  describe(`a ban in mid-stream, HLS counted by ${counting}`, () => {
    let server: ServerProcess;
    let source: CountingSource;
    const opened: { stop(): unknown }[] = [];

    before(async () => {
      const ini = `[Hls]\nSegmentDuration=1\nCounting=${counting}\n[Mount ${declared}]\nHoldTimeout=20\n`;
      server = await ServerProcess.start({ ini });
      source = await goOnAir(server);
    });
    after(async () => {
      for (const listener of opened) await listener.stop();
      source?.destroy();
      await server?.stop();
    });

    async function player(localAddress: string, userAgent: string): Promise<HlsListener> {
      const edges = [server];
      const listener = await HlsListener.join({
        ...{ edges, mount, localAddress, userAgent, askEveryMs: 200 },
      });
      opened.push(listener);
      return listener;
    }

    test('ends listeners of every kind, keeps them out, and nobody else', async (t) => {
      const plain = await listen(server, villain);
      const icy = await listen(server, villain, ['Icy-MetaData: 1']);
      const stays = await listen(server, bystander);
      const hls = await player(villain, 'hls-villain');
      const hlsStays = await player(bystander, 'hls-bystander');
      const ofHls = counting === 'off' ? 0 : 2;
      await counted(server, 3 + ofHls);
      await eventually('both players play', () => hls.playlists > 3 && hlsStays.playlists > 3);

      const bannedMs = performance.now();
      assert.equal(await command(server, `ban?ip=${villain}&minutes=60&reason=ripping`), `Banned ${villain}`);
      await plain.raw.closed(soonMs);
      await icy.raw.closed(soonMs);
      await eventually('the player is refused', () => hls.refusals.length > 0, soonMs);
      await counted(server, 1 + ofHls / 2);
      t.diagnostic(`all ended and uncounted after ${Math.round(performance.now() - bannedMs)} ms`);
      await eventually('again and again', () => hls.refusals.length > 3);
      assert.deepEqual([...new Set(hls.refusals)], [`403 ${refusal}`]);

      const refused = await ask(server, villain);
      assert.deepEqual([refused.status, refused.body], [403, `${refusal}\r\n`]);
      assert.equal((await ask(server, villain, mount, 'HEAD')).status, 403);
      assert.doesNotMatch((await ask(server, villain, mount, 'HEAD')).text, /Content-Length: [1-9]/i);
      assert.equal((await ask(server, villain, `${mount}/playlist.m3u8`)).status, 403);
      // What is no listening stays open, also to him.
      for (const path of [`${mount}.m3u`, '/status-json.xsl', '/'])
        assert.equal((await ask(server, villain, path)).status, 200, path);

      const heard = stays.body.byteLength;
      await eventually('the other hears on', () => stays.body.byteLength > heard + 16_000);
      assert.equal(stays.raw.isClosed, false);
      assert.deepEqual(hlsStays.refusals, []);
      assert.equal((await ask(server, bystander, mount, 'HEAD')).status, 200);

      assert.match(
        await command(server, 'listbans'),
        /<Bans>1<\/Bans><ban><IP>127\.0\.2\.1<\/IP><Reason>ripping</,
      );
      const banned = 'legacystream_edge_listeners_banned_total';
      assert.equal(await metricOf(server, banned), 2 + ofHls / 2);
      assert.ok(
        (await metricOf(server, 'legacystream_edge_listeners_refused_total', 'reason="banned"')) >= 4,
      );
      const line = await eventually('the log has the refusal', async () =>
        (await readFile(join(server.folder, 'data/access.log'), 'utf8').catch(() => ''))
          .split('\n')
          .find((text) => text.startsWith(villain) && text.includes('" 403 ')),
      );
      assert.match(line, /"GET \/live\.aac HTTP\/1\.1" 403 /);

      assert.equal(await command(server, `unban?ip=${villain}`), `${villain} is no longer banned`);
      const back = await listen(server, villain);
      const { playlists } = hls;
      await eventually('the player plays again', () => hls.playlists > playlists + 3);
      await counted(server, 2 + ofHls);
      for (const client of [back, stays]) client.close();
      for (const listener of [hls, hlsStays]) await listener.stop();
      assert.deepEqual(hlsStays.refusals, []);
    });

    test('is obeyed by who waits: for a mount to come on air, and for a part of HLS', async () => {
      const waiting = StreamClient.send({ port: server.httpPort, path: declared, localAddress: villain });
      await eventually(
        'it waits',
        async () => (await metricOf(server, 'legacystream_edge_requests_waiting')) === 1,
      );
      const path = `${mount}/hls/source/live.m3u8`;
      const { body } = await askEdge(server, path);
      const first = Number(/#EXT-X-MEDIA-SEQUENCE:(\d+)/.exec(body.toString())?.[1]);
      const next = first + (body.toString().match(/^#EXTINF/gm)?.length ?? 0) + 1;
      const blocked = StreamClient.send({
        ...{ port: server.httpPort, path: `${path}?_HLS_msn=${next}`, localAddress: villain },
      });
      await eventually(
        'the player waits',
        async () => (await metricOf(server, 'legacystream_edge_hls_requests_waiting')) >= 1,
      );
      await command(server, `ban?ip=${villain}/31`);
      assert.equal((await blocked.head()).status, 403);
      const held = await goOnAir(server, declared);
      assert.equal((await waiting.head()).status, 403);
      for (const client of [blocked, waiting]) client.close();
      held.destroy();
      await command(server, `unban?ip=${villain}/31`);
    });
  });
}

describe('the commands', () => {
  let server: ServerProcess;
  before(async () => {
    server = await ServerProcess.start({ ini: '[Limits]\nAuthFailures=1000\n' });
  });
  after(() => server?.stop());

  test('of Icecast answer as its others do, by GET and by POST, as XML and as a page', async () => {
    const post = (path: string, body: string) =>
      call(server, path, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
    assert.deepEqual(await post('/admin/ban', 'ip=2001:DB8::7/32&reason=a+%26+b&minutes=90'), {
      status: 200,
      body: '<?xml version="1.0"?>\n<iceresponse><message>Banned 2001:db8::/32</message><return>1</return></iceresponse>\n',
    });
    assert.match((await call(server, '/admin/ban.xsl?ip=10.1.2.3/8')).body, /<p>Banned 10\.0\.0\.0\/8<\/p>/);
    const listed = await command(server, 'listbans');
    assert.match(
      listed,
      /^<\?xml version="1\.0"\?>\n<icestats><Bans>2<\/Bans><ban><IP>10\.0\.0\.0\/8<\/IP><Reason><\/Reason><By>admin<\/By><Created>[\dT:+-]+<\/Created><\/ban><ban><IP>2001:db8::\/32<\/IP><Reason>a &amp; b<\/Reason><By>admin<\/By><Created>[\dT:+-]+<\/Created><Expires>[\dT:+-]+<\/Expires><Remaining>5(?:400|39\d)<\/Remaining><\/ban><\/icestats>\n$/,
    );
    assert.match((await call(server, '/admin/listbans.xsl')).body, /2001:db8::\/32/);
    await server.waitFor(
      'ban.added',
      1_000,
      (line) => line['range'] === '10.0.0.0/8' && line['ip'] === '127.0.0.1',
    );
    assert.match(
      (await call(server, '/admin/unban?ip=10.9.9.9')).body,
      /10\.9\.9\.9 is not banned; 10\.0\.0\.0\/8 still is<\/message><return>0</,
    );
    assert.match(
      (await post('/admin/unban', 'ip=10.0.0.0/8')).body,
      /is no longer banned<\/message><return>1</,
    );
    await command(server, 'unban?ip=2001:db8::/32');
    assert.match(await command(server, 'listbans'), /<icestats><Bans>0<\/Bans><\/icestats>/);
  });

  test('say what they expect when they are given something else', async () => {
    for (const [path, expected] of [
      ['ban', /an address or a range such as 192\.0\.2\.1/],
      ['ban?ip=', /such as/],
      ['ban?ip=nobody', /such as/],
      ['ban?ip=10.0.0.0/40', /such as/],
      ['ban?ip=10.0.0.1&minutes=soon', /minutes: expected a whole number/],
      ['ban?ip=10.0.0.1&minutes=0', /minutes: expected/],
      ['unban?ip=10.0.0', /such as/],
    ] as const) {
      const { status, body } = await call(server, `/admin/${path}`);
      assert.equal(status, 400, path);
      assert.match(body, expected, path);
    }
    for (const query of [
      'mode=bandst',
      'mode=bandst&bandst=here',
      'mode=unbandst&bandst=',
      'mode=bandst&bandst=10.0.0.1&banmsk=24',
      'mode=bandst&bandst=2001:db8::1&banmsk=0',
    ]) {
      const { status, body } = await cgi(server, query);
      assert.equal(status, 400, query);
      assert.match(body, /expected/, query);
    }
    assert.match(await command(server, 'listbans'), /<Bans>0</);
  });

  test('of SHOUTcast ban an address or the 256 around it', async () => {
    assert.match(
      (await cgi(server, 'mode=bandst&bandst=192.0.2.77&banmsk=0')).body,
      /banned 192\.0\.2\.0\/24/,
    );
    assert.match(
      (await cgi(server, 'mode=bandst&bandst=198.51.100.7&banmsk=255')).body,
      /banned 198\.51\.100\.7</,
    );
    assert.match((await cgi(server, 'mode=bandst&bandst=203.0.113.7')).body, /banned 203\.0\.113\.7</);
    const { body } = await cgi(server, 'mode=viewban');
    for (const range of ['192.0.2.0/24', '198.51.100.7', '203.0.113.7'])
      assert.ok(body.includes(range), body);
    assert.match(await command(server, 'listbans'), /<Bans>3</);
    assert.match((await cgi(server, 'mode=unbandst&bandst=192.0.2.1&banmsk=0')).body, /is no longer banned/);
    for (const ip of ['198.51.100.7', '203.0.113.7'])
      assert.match((await cgi(server, `mode=unbandst&bandst=${ip}`)).body, /is no longer banned/);
    assert.match((await cgi(server, 'mode=viewban')).body, /nobody is banned/);
    const withUser = await server.admin('/admin.cgi?mode=viewban');
    assert.equal(withUser.status, 200);
  });

  test('are the administrator’s alone', async () => {
    const basic = (user: string, password: string) =>
      `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    for (const path of ['ban?ip=192.0.2.1', 'unban?ip=192.0.2.1', 'listbans', 'listbans.xsl'])
      for (const authorization of [basic('source', sourcePassword), basic('admin', 'wrong'), undefined]) {
        const headers = authorization === undefined ? {} : { authorization };
        assert.equal((await fetch(`${server.url}/admin/${path}`, { headers })).status, 401, path);
      }
    for (const query of ['mode=bandst&bandst=192.0.2.1', 'mode=unbandst&bandst=192.0.2.1', 'mode=viewban']) {
      assert.equal((await cgi(server, query, sourcePassword)).status, 401, query);
      const headers = { authorization: basic('source', sourcePassword) };
      assert.equal((await fetch(`${server.url}/admin.cgi?${query}`, { headers })).status, 401, query);
    }
    assert.match(await command(server, 'listbans'), /<Bans>0</);
    assert.doesNotMatch(server.output, new RegExp(adminPassword));
  });
});

describe('bans of a server that is started again', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'legacystream-bans-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const startOn = (data: string) => ServerProcess.start({ set: [`server.dataDir=${join(folder, data)}`] });

  test('are kept', async () => {
    const first = await startOn('kept');
    await command(first, `ban?ip=${villain}&reason=for+good`);
    await command(first, 'ban?ip=198.51.100.0/24&minutes=60');
    await first.stop();
    const second = await startOn('kept');
    const source = await goOnAir(second);
    try {
      assert.equal((await ask(second, villain)).status, 403);
      (await listen(second, bystander)).close();
      assert.match(await command(second, 'listbans'), /<Bans>2<[\s\S]*for good/);
    } finally {
      source.destroy();
      await second.stop();
    }
  });

  test('end when their time is over', async () => {
    const data = join(folder, 'ending');
    const nowMs = Date.now();
    const expiresAtMs = nowMs + 8_000;
    const value = { reason: '', by: 'admin', createdAtMs: nowMs, expiresAtMs };
    const documents = [{ kind: 'ban', id: villain, value, expiresAtMs }];
    await mkdir(data, { mode: 0o700 });
    await writeFile(join(data, 'state.json'), JSON.stringify({ version: 1, documents }), { mode: 0o600 });
    const server = await startOn('ending');
    const source = await goOnAir(server);
    try {
      assert.equal((await ask(server, villain)).status, 403);
      const letInMs = await eventually(
        'he is let in',
        async () => (await ask(server, villain, mount, 'HEAD')).status === 200 && Date.now(),
        20_000,
      );
      assert.ok(
        letInMs >= expiresAtMs && letInMs < expiresAtMs + 3_000,
        `${letInMs - expiresAtMs} ms after its end`,
      );
      assert.match(await command(server, 'listbans'), /<Bans>0</);
    } finally {
      source.destroy();
      await server.stop();
    }
  });
});

describe('a ban on two edge threads', () => {
  let server: ServerProcess;
  let source: CountingSource;
  before(async () => {
    server = await ServerProcess.start({
      set: ['server.workerThreads=2'],
      ini: '[Hls]\nSegmentDuration=1\n',
    });
    source = await goOnAir(server);
  });
  after(async () => {
    source?.destroy();
    await server?.stop();
  });

  test('ends the listeners of both, and both refuse newcomers', async (t) => {
    await statusOf(server, mount);
    const clients: StreamClient[] = [];
    const threads = new Set<number>();
    await eventually(
      'both threads have listeners',
      async () => {
        clients.push(await listen(server, villain));
        const page = (await call(server, `/admin/listclients?mount=${mount}`)).body;
        for (const [, id] of page.matchAll(/<ID>(\d+)</g)) threads.add(Math.floor(Number(id) / 2 ** 32));
        return threads.size === 2 && clients.length >= 12;
      },
      30_000,
    );
    const stays = await listen(server, bystander);
    const players = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        HlsListener.join({
          edges: [server],
          mount,
          localAddress: villain,
          userAgent: `p-${n}`,
          askEveryMs: 200,
        }),
      ),
    );
    t.after(() => Promise.all(players.map((player) => player.stop())));
    await counted(server, clients.length + 1 + players.length);
    const bannedMs = performance.now();
    await command(server, 'ban?ip=127.0.2.0/24');
    await Promise.all(clients.map((client) => client.raw.closed(soonMs)));
    await eventually(
      'the players are refused',
      () => players.every(({ refusals }) => refusals.length > 0),
      soonMs,
    );
    t.diagnostic(
      `${clients.length} listeners and ${players.length} players on both threads ended after ${Math.round(performance.now() - bannedMs)} ms`,
    );
    await counted(server, 1);
    for (let n = 0; n < 16; n += 1) assert.equal((await ask(server, villain)).status, 403);
    assert.equal(stays.raw.isClosed, false);
    await command(server, 'unban?ip=127.0.2.0/24');
    for (let n = 0; n < 16; n += 1)
      await eventually(
        'all threads let in',
        async () => (await ask(server, villain, mount, 'HEAD')).status === 200,
      );
    stays.close();
  });
});
