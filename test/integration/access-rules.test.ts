/**
 * `[Access]`: who may listen by the settings, and whose address counts behind proxies, for
 * the rules and for bans alike.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { askEdge, watchedAac } from '../support/hls-cluster.ts';
import { RawClient } from '../support/raw-client.ts';
import { runServerCommand } from '../support/server-command.ts';
import { ServerProcess } from '../support/server-process.ts';
import { statusOf } from '../support/server-views.ts';
import { type ResponseHead, StreamClient } from '../support/stream-client.ts';

const mount = '/live.aac';
const playlist = `${mount}/hls/source/live.m3u8`;
const text = 'Listening from this address is not allowed\r\n';

const goOnAir = (server: ServerProcess) =>
  CountingSource.start({ port: server.httpPort, mount, format: watchedAac });

type Who = { readonly from?: string; readonly headers?: readonly string[]; readonly method?: string };

/** The status of an answer, and for a refusal its body. */
async function ask(
  server: ServerProcess,
  path: string,
  { from = '127.0.0.1', headers = [], method = 'GET' }: Who = {},
): Promise<Pick<ResponseHead, 'status'> & { readonly body: string }> {
  const client = await StreamClient.open({
    port: server.httpPort,
    path,
    localAddress: from,
    headers,
    method,
  });
  const { status } = await client.head();
  const body = status === 200 || method === 'HEAD' ? '' : (await client.answer()).body;
  client.close();
  return { status, body };
}

describe('a server that lets only some listen', () => {
  let server: ServerProcess;
  let source: CountingSource;
  before(async () => {
    const rules =
      'AllowIp=127.0.2.0/24, 127.0.3.1, 2001:db8::/32\nDenyIp=127.0.2.66\nDenyUserAgent=*ripper*, wget/*';
    server = await ServerProcess.start({ ini: `[Hls]\nSegmentDuration=1\n[Access]\n${rules}\n` });
    // Sources are not concerned: this one is of 127.0.0.1.
    source = await goOnAir(server);
    await eventually('HLS is there', async () => {
      const client = { from: '127.0.3.1' };
      return (await ask(server, playlist, client)).status === 200;
    });
  });
  after(async () => {
    source?.destroy();
    await server?.stop();
  });

  test('answers others 403, for streams and HLS, and HEAD too', async () => {
    for (const from of ['127.0.2.1', '127.0.2.255', '127.0.3.1'])
      for (const path of [mount, playlist, `${mount}/playlist.m3u8`])
        for (const method of ['GET', 'HEAD'])
          assert.equal(
            (await ask(server, path, { from, method })).status,
            200,
            `${method} ${path} of ${from}`,
          );
    for (const from of ['127.0.0.1', '127.0.3.2', '127.0.2.66'])
      for (const path of [mount, playlist, `${mount}/playlist.m3u8`]) {
        assert.deepEqual(
          await ask(server, path, { from }),
          { status: 403, body: text },
          `${path} of ${from}`,
        );
        assert.equal((await ask(server, path, { from, method: 'HEAD' })).status, 403);
      }
  });

  test('tells players by their user agent', async () => {
    const from = '127.0.3.1';
    for (const agent of ['StreamRipper/1.0', 'Wget/1.21.3'])
      for (const path of [mount, playlist])
        assert.deepEqual(await ask(server, path, { from, headers: [`User-Agent: ${agent}`] }), {
          status: 403,
          body: 'Listening with this player is not allowed\r\n',
        });
    assert.equal((await ask(server, mount, { from, headers: ['User-Agent: VLC/3.0'] })).status, 200);
  });

  test('goes on to show its pages, and to obey operators, wherever they are', async () => {
    for (const path of [`${mount}.m3u`, `${mount}.pls`, '/status-json.xsl', '/'])
      assert.equal((await fetch(`${server.url}${path}`)).status, 200, path);
    assert.equal((await server.admin('/admin/listmounts')).status, 200);
    await statusOf(server, mount);
  });
});

test('a rule that is none ends the start with what was expected', async () => {
  for (const [key, value, expected] of [
    ['access.allowIp', '10/8', /\[Access\] AllowIp: expected a comma separated list of addresses or ranges/],
    ['access.denyIp', '10.0.0.0/33', /\[Access\] DenyIp: expected/],
    ['access.denyUserAgent', 'a\u0007', /\[Access\] DenyUserAgent: expected/],
  ] as const) {
    const { code, stdout, stderr } = await runServerCommand(['config', 'check', '--set', `${key}=${value}`]);
    assert.equal(code, 1);
    assert.match(stdout + stderr, expected);
  }
});

describe('behind a proxy that is trusted', () => {
  const proxy = '127.0.0.1';
  let server: ServerProcess;
  let source: CountingSource;
  before(async () => {
    const set = [
      'server.proxyProtocol=optional',
      `server.trustedProxies=${proxy}`,
      'access.denyIp=203.0.113.66',
    ];
    server = await ServerProcess.start({ set, ini: '[Hls]\nSegmentDuration=1\n' });
    source = await goOnAir(server);
    await eventually('HLS is there', async () => (await askEdge(server, playlist)).status === 200);
  });
  after(async () => {
    source?.destroy();
    await server?.stop();
  });

  const forwarded = (ip: string) => [`X-Forwarded-For: ${ip}`];

  async function told(ip: string): Promise<RawClient> {
    const client = await RawClient.connect(server.httpPort, proxy);
    client.write(
      `PROXY TCP${ip.includes(':') ? 6 : 4} ${ip} ${ip} 1 2\r\nGET ${mount} HTTP/1.1\r\nHost: x\r\n\r\n`,
    );
    return client;
  }

  test('the address that it tells is what rules and bans go by', async () => {
    assert.equal((await ask(server, mount, { headers: forwarded('203.0.113.66') })).status, 403);
    assert.equal((await ask(server, mount, { headers: forwarded('203.0.113.67') })).status, 200);
    // Nobody else is believed.
    assert.equal(
      (await ask(server, mount, { from: '127.0.0.9', headers: forwarded('203.0.113.66') })).status,
      200,
    );

    const port = server.httpPort;
    const listen = (ip: string) => StreamClient.open({ port, path: mount, headers: forwarded(ip) });
    const [banned, free] = [await listen('203.0.113.7'), await listen('203.0.113.70')];
    const [bannedByTcp, ofIpv6] = [await told('203.0.113.8'), await told('2001:db8::9')];
    for (const client of [banned.raw, free.raw, bannedByTcp, ofIpv6]) await client.untilBytes(4_000);
    await server.admin('/admin/ban?ip=203.0.113.0/28');
    await banned.raw.closed(1_000);
    await bannedByTcp.closed(1_000);
    await server.admin('/admin/ban?ip=2001:db8::/48');
    await ofIpv6.closed(1_000);
    const heard = free.body.byteLength;
    await eventually('the other hears on', () => free.body.byteLength > heard + 8_000);
    free.close();
    const again = await told('203.0.113.8');
    assert.match((await again.closed()).toString('latin1'), /^HTTP\/1\.1 403 /);
  });

  test('players on one connection of the proxy are judged one by one', async () => {
    const connection = await StreamClient.open({
      port: server.httpPort,
      path: playlist,
      headers: forwarded('198.51.100.1'),
    });
    const next = async (ip: string) => {
      await connection.answer();
      connection.request({ path: playlist, headers: forwarded(ip) });
      return (await connection.answer()).status;
    };
    assert.equal(await next('198.51.100.1'), 200);
    assert.equal(await next('198.51.100.2'), 200);
    await server.admin('/admin/ban?ip=198.51.100.2');
    for (let round = 0; round < 3; round += 1) {
      assert.equal(await next('198.51.100.1'), 200);
      assert.equal(await next('198.51.100.1'), 200);
      assert.equal(await next('198.51.100.2'), 403);
      assert.equal(await next('198.51.100.2'), 403);
    }
    connection.close();
  });
});
