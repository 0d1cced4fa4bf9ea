/**
 * Behind proxies: the PROXY protocol on every port, plain and before TLS, from scripts and
 * from HAProxy itself, and `X-Forwarded-…`. Whoever is trusted, the client's own address is
 * what log, access log, admin pages and login limits go by; whoever is not, is not believed.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { encodeLocalProxyHeader, encodeProxyHeader } from '@legacystream/core/protocols/proxy-protocol.ts';
import { missingProgram } from '../programs.mjs';
import { basicAuth, CountingSource, sourceDialects } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { adminPassword, ServerProcess } from '../support/server-process.ts';
import { metricOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';

const proxy = '127.0.0.1';
const stranger = '127.0.0.9';
const malformedTotal = 'legacystream_runtime_requests_malformed_total';
const lateTotal = 'legacystream_runtime_requests_late_total';

const line = (ip: string) => Buffer.from(`PROXY TCP4 ${ip} 203.0.113.1 51234 8000\r\n`);
const binary = (ip: string, tls = false) =>
  encodeProxyHeader({
    source: { address: ip, port: 51234 },
    destination: { address: '203.0.113.1', port: 8000 },
    tls,
  });
const get = (path: string, ...lines: string[]) =>
  Buffer.from(`${[`GET ${path} HTTP/1.1`, 'Host: inner.test', ...lines].join('\r\n')}\r\n\r\n`);
const statusIn = (answer: Buffer | string) => /^HTTP\/1\.[01] (\d{3}) /.exec(answer.toString('latin1'))?.[1];

/** A TCP proxy that says something of its own first. */
class PrefixingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number, prefix: Uint8Array) {
    this.#server = createServer({ allowHalfOpen: true }, (from) => {
      const to = connect({ port: target, host: '127.0.0.1', localAddress: proxy, allowHalfOpen: true });
      to.write(prefix);
      for (const [socket, other] of [
        [from, to],
        [to, from],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => other.destroy()).on('close', () => other.destroy());
        socket.pipe(other);
      }
    });
  }

  static async lead(target: number, prefix: Uint8Array): Promise<PrefixingProxy> {
    const made = new PrefixingProxy(target, prefix);
    made.#server.listen(0, '127.0.0.1');
    await once(made.#server, 'listening');
    prefixing.add(made);
    return made;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

const prefixing = new Set<PrefixingProxy>();
let folder: string;
let server: ServerProcess;
let station: CountingSource;
let hasTls = false;

const accessLines = async () =>
  (await readFile(join(folder, 'access.log'), 'utf8').catch(() => '')).split('\n');

/** The access log's line of a request that nobody else makes. */
const accessLine = (target: string) =>
  eventually(`a line of ${target}`, async () =>
    (await accessLines()).find((text) => text.includes(` ${target} `)),
  );

async function listed(mount: string): Promise<string> {
  return (await server.admin(`/admin/listclients?mount=${mount}`)).text();
}

/** Sends bytes and gives everything that comes until the server closes or `isDone`. */
async function exchange(from: string, ...pieces: Uint8Array[]): Promise<string> {
  const client = await RawClient.connect(server.httpPort, from);
  for (const piece of pieces) client.write(piece);
  try {
    return (await client.closed()).toString('latin1');
  } finally {
    client.destroy();
  }
}

/** A page in one exchange. */
const page = async (...pieces: Uint8Array[]) => exchange(proxy, ...pieces);
const playlist = (...lines: string[]) => get('/live.mp3.m3u', 'Connection: close', ...lines);

/** Waits until a metric has risen by one because of what is done. */
async function counts(metric: string, action: () => Promise<unknown>): Promise<void> {
  const earlier = await metricOf(server, metric);
  await action();
  await eventually(`${metric} rises`, async () => (await metricOf(server, metric)) === earlier + 1);
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'legacystream-proxy-'));
  const set = ['server.proxyProtocol=optional', `server.trustedProxies=${proxy}/32`];
  set.push(`log.accessLog=${folder}/access.log`, 'limits.headTimeout=2', 'limits.authFailures=3');
  let ini = '';
  if (!missingProgram('openssl')) {
    hasTls = true;
    const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
    const what = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=radio.test',
    ];
    const made = spawnSync('openssl', ['req', '-x509', ...what, ...files]);
    assert.equal(made.status, 0, String(made.stderr));
    ini = `[SSL]\nEnabled=true\nCertificatePath=${folder}/cert.pem\nPrivateKeyPath=${folder}/key.pem`;
    set.push('server.httpsPort=0');
  }
  server = await ServerProcess.start({ ini, set });
  station = await CountingSource.start({ port: server.httpPort, mount: '/live.mp3', id: 1 });
});

after(async () => {
  for (const proxied of prefixing) proxied.close();
  station?.destroy();
  await server?.stop();
  if (folder) await rm(folder, { recursive: true });
});

describe('the PROXY protocol of a trusted proxy', () => {
  for (const [name, header, ip] of [
    ['version 1', line('198.51.100.1'), '198.51.100.1'],
    ['version 2', binary('198.51.100.2'), '198.51.100.2'],
    ['version 2 with IPv6', binary('2001:db8::7'), '2001:db8::7'],
    ['version 1 with IPv4 in IPv6', Buffer.from('PROXY TCP6 ::ffff:c633:6403 ::1 1 2\r\n'), '198.51.100.3'],
  ] as const) {
    test(`${name}: a listener has the client’s address in the list of clients and the access log`, async () => {
      const target = `/live.mp3?${name.replaceAll(' ', '-')}`;
      const client = await RawClient.connect(server.httpPort);
      await client.writeByteByByte(Buffer.concat([header, get(target)]));
      await client.untilBytes(5_000);
      assert.equal(statusIn(client.received), '200');
      assert.ok((await listed('/live.mp3')).includes(`<IP>${ip}</IP>`));
      client.destroy();
      assert.ok((await accessLine(target)).startsWith(`${ip} - - [`));
    });
  }

  for (const [index, dialect] of sourceDialects.entries()) {
    test(`a source by ${dialect} has the client’s address in the log`, async () => {
      const ip = `198.51.100.${20 + index}`;
      const isShoutcast = dialect === 'SHOUTcast v1';
      const proxied = await PrefixingProxy.lead(
        isShoutcast ? server.shoutcastPort : server.httpPort,
        binary(ip),
      );
      const mount = isShoutcast ? '/stream' : `/source-${index}.mp3`;
      const source = await CountingSource.start({ port: proxied.port, mount, dialect, id: 10 + index });
      const connected = await server.waitFor('source.connected', 10_000, (entry) => entry['mount'] === mount);
      assert.equal(connected['ip'], ip);
      await source.end();
      proxied.close();
    });
  }

  test('it comes before TLS, for listeners, pages and sources', {
    skip: missingProgram('openssl'),
  }, async () => {
    for (const [index, port] of [server.httpsPort, server.httpPort].entries()) {
      const ip = `198.51.100.${30 + index}`;
      const proxied = await PrefixingProxy.lead(port, binary(ip));
      const target = { port: proxied.port, tls: true };
      const mount = `/over-tls-${index}.mp3`;
      const source = await CountingSource.start({ ...target, mount, id: 30 + index });
      const connected = await server.waitFor('source.connected', 10_000, (entry) => entry['mount'] === mount);
      assert.equal(connected['ip'], ip);
      const listener = await StreamClient.open({ ...target, path: mount });
      await listener.receive(5_000);
      assert.ok((await listed(mount)).includes(`<IP>${ip}</IP>`));
      const path = `/status-json.xsl?tls-${index}`;
      assert.equal((await StreamClient.ask({ ...target, path })).status, 200);
      assert.ok((await accessLine(path)).startsWith(`${ip} - - [`));
      listener.close();
      await source.end();
      proxied.close();
    }
  });

  test('a page, then a stream on the same connection, are the same client’s', async () => {
    const client = await RawClient.connect(server.httpPort);
    client.write(Buffer.concat([binary('198.51.100.40'), get('/status-json.xsl?first')]));
    await client.untilText('"icestats"');
    client.write(get('/live.mp3?second'));
    await client.untilBytes(10_000);
    assert.ok((await listed('/live.mp3')).includes('<IP>198.51.100.40</IP>'));
    client.destroy();
    assert.ok((await accessLine('/status-json.xsl?first')).startsWith('198.51.100.40 '));
    assert.ok((await accessLine('/live.mp3?second')).startsWith('198.51.100.40 '));
  });

  test('guessing passwords shuts out the guesser and nobody else behind the proxy', async () => {
    const stats = (password: string) =>
      get('/admin/stats', 'Connection: close', basicAuth(password, 'admin'));
    const guesser = binary('198.51.100.50');
    for (let i = 0; i < 3; i++) assert.equal(statusIn(await page(guesser, stats(`guess-${i}`))), '401');
    assert.equal(statusIn(await page(guesser, stats(adminPassword))), '429');
    // The same address, written as IPv6 by a proxy that listens on both.
    const wrapped = Buffer.from('PROXY TCP6 ::FFFF:198.51.100.50 ::1 1 2\r\n');
    assert.equal(statusIn(await page(wrapped, stats(adminPassword))), '429');
    assert.equal(statusIn(await page(binary('198.51.100.51'), stats(adminPassword))), '200');
    assert.equal(statusIn(await page(stats(adminPassword))), '200');
  });

  test('links are https where the client spoke TLS to the proxy', async () => {
    assert.match(
      await page(binary('198.51.100.52', true), playlist()),
      /\r\n\r\nhttps:\/\/inner\.test\/live\.mp3/,
    );
    assert.match(await page(binary('198.51.100.52'), playlist()), /\r\n\r\nhttp:\/\/inner\.test\/live\.mp3/);
  });

  test('health checks come and go quietly', async () => {
    const earlier = await metricOf(server, malformedTotal);
    for (const bytes of [encodeLocalProxyHeader(), Buffer.from('PROXY UNKNOWN\r\n'), Buffer.alloc(0)]) {
      const client = await RawClient.connect(server.httpPort);
      client.socket.end(bytes);
      assert.equal((await client.closed()).byteLength, 0);
    }
    assert.equal(statusIn(await page(encodeLocalProxyHeader(), playlist())), '200');
    assert.equal(await metricOf(server, malformedTotal), earlier);
  });

  test('a malformed one ends the connection without a word, and is counted', async () => {
    const broken = Uint8Array.from(binary('198.51.100.60'));
    broken[17]! ^= 1;
    const tooLong = Uint8Array.from([...binary('198.51.100.60').subarray(0, 14), 0xff, 0xff]);
    for (const bytes of [Buffer.from('PROXY TCP4 a b c d\r\n'), broken, tooLong]) {
      await counts(malformedTotal, async () => assert.equal(await page(bytes, playlist()), ''));
    }
  });

  test('a second one is no request', async () => {
    await counts(malformedTotal, async () =>
      assert.equal(await page(binary('198.51.100.61'), binary('198.51.100.62'), playlist()), ''),
    );
  });

  test('one that never ends is not waited for', async () => {
    await counts(lateTotal, () => page(binary('198.51.100.63').subarray(0, 20)));
  });
});

test('a PROXY header of anybody else is refused, and the log is not flooded', async () => {
  for (const header of [line('198.51.100.70'), binary('198.51.100.70')])
    await counts(malformedTotal, async () => assert.equal(await exchange(stranger, header, playlist()), ''));
  const path = '/live.mp3?stranger';
  const client = await RawClient.connect(server.httpPort, stranger);
  client.write(get(path, 'X-Forwarded-For: 198.51.100.70', 'X-Real-IP: 198.51.100.70'));
  await client.untilBytes(5_000);
  client.destroy();
  assert.ok((await accessLine(path)).startsWith(`${stranger} `));
  // Once a minute: of all that was refused up to here, on a machine however slow.
  const reports = server.lines.filter(({ event }) => event === 'proxy.refused').length;
  assert.ok(reports >= 1 && reports <= 3, `${reports} reports`);
  assert.ok(!server.lines.some((entry) => entry['ip'] === '198.51.100.70'));
});

describe('X-Forwarded-… of a trusted proxy', () => {
  test('each request on a connection is that of its own client', async () => {
    const client = await RawClient.connect(server.httpPort);
    for (const [index, ip] of ['198.51.100.80', '2001:db8::80'].entries()) {
      client.write(
        get(`/status-json.xsl?each-${index}`, 'X-Forwarded-For: 203.0.113.66', `X-Forwarded-For: ${ip}`),
      );
      await client.untilText('"icestats"');
      client.take(client.byteCount);
    }
    client.write(get('/live.mp3?each-2', 'Forwarded: for="[2001:db8::81]:99"'));
    await client.untilBytes(5_000);
    client.destroy();
    assert.ok((await accessLine('/status-json.xsl?each-0')).startsWith('198.51.100.80 '));
    assert.ok((await accessLine('/status-json.xsl?each-1')).startsWith('2001:db8::80 '));
    assert.ok((await accessLine('/live.mp3?each-2')).startsWith('2001:db8::81 '));
  });

  test('a listener who writes one of his own is still himself', async () => {
    const client = await RawClient.connect(server.httpPort);
    const forged = 'X-Forwarded-For: 203.0.113.66';
    client.write(
      get('/live.mp3?forged', forged, 'X-Forwarded-For: 198.51.100.82', 'Forwarded: for=203.0.113.66'),
    );
    await client.untilBytes(5_000);
    const clients = await listed('/live.mp3');
    assert.ok(clients.includes('<IP>198.51.100.82</IP>') && !clients.includes('203.0.113.66'));
    client.destroy();
  });

  test('a source has the client’s address in the log', async () => {
    const headers = ['X-Forwarded-For: 203.0.113.66, 198.51.100.83'];
    const source = await CountingSource.start({
      port: server.httpPort,
      mount: '/by-http.mp3',
      id: 40,
      headers,
    });
    const connected = await server.waitFor(
      'source.connected',
      10_000,
      ({ mount }) => mount === '/by-http.mp3',
    );
    assert.equal(connected['ip'], '198.51.100.83');
    await source.end();
  });

  test('links follow the scheme and host that the client asked for', async () => {
    const forwarded = ['X-Forwarded-Proto: https', 'X-Forwarded-Host: radio.test'];
    assert.match(await page(playlist(...forwarded)), /\r\n\r\nhttps:\/\/radio\.test\/live\.mp3/);
    assert.match(await exchange(stranger, playlist(...forwarded)), /\r\n\r\nhttp:\/\/inner\.test\/live\.mp3/);
    const evil = 'X-Forwarded-Host: radio.test/"><script>';
    assert.doesNotMatch(await page(playlist(evil)), /script/);
  });
});

test('where it is required, nobody comes without it', async () => {
  const set = ['server.proxyProtocol=required', `server.trustedProxies=${proxy}/32`];
  const strict = await ServerProcess.start({ set });
  const ask = (port: number, from: string, ...bytes: Uint8Array[]) =>
    RawClient.exchange(port, Buffer.concat([...bytes, get('/robots.txt', 'Connection: close')]), from);
  try {
    for (const port of [strict.httpPort, strict.shoutcastPort]) {
      assert.equal(statusIn(await ask(port, proxy, line('198.51.100.90'))), '200');
      assert.equal(statusIn(await ask(port, proxy, binary('198.51.100.90'))), '200');
      assert.equal(statusIn(await ask(port, proxy, encodeLocalProxyHeader())), '200');
      assert.equal(await ask(port, proxy), '');
      assert.equal(await ask(port, stranger), '');
      assert.equal(await ask(port, stranger, binary('198.51.100.90')), '');
    }
  } finally {
    await strict.stop();
  }
});

test('a port may have a rule of its own', async () => {
  const strict = await ServerProcess.start({
    set: [
      'server.proxyProtocol=required',
      'server.shoutcastProxyProtocol=off',
      `server.trustedProxies=${proxy}/32`,
    ],
  });
  const ask = (port: number, from: string, ...bytes: Uint8Array[]) =>
    RawClient.exchange(port, Buffer.concat([...bytes, get('/robots.txt', 'Connection: close')]), from);
  try {
    assert.equal(await ask(strict.httpPort, stranger), '');
    assert.equal(statusIn(await ask(strict.httpPort, proxy, line('198.51.100.90'))), '200');
    assert.equal(statusIn(await ask(strict.shoutcastPort, stranger)), '200');
    assert.equal(statusIn(await ask(strict.shoutcastPort, proxy)), '200');
    const refused = await ask(strict.shoutcastPort, proxy, line('198.51.100.90'));
    assert.notEqual(statusIn(refused), '200', 'what nobody expects is no request');
  } finally {
    await strict.stop();
  }
});

describe('HAProxy', { skip: missingProgram('haproxy', 'openssl') }, () => {
  const listenerIp = '127.0.0.55';
  let haproxy: ProgramProcess;
  let ports: { v1: number; v2: number; tls: number; passing: number; http: number };

  before(async () => {
    assert.ok(hasTls);
    const pem = await Promise.all(
      ['cert.pem', 'key.pem'].map((file) => readFile(join(folder, file), 'utf8')),
    );
    await writeFile(join(folder, 'both.pem'), pem.join(''));
    // A port that was free a moment ago may be taken when HAProxy wants it.
    await eventually('HAProxy runs', startHaproxy, 30_000);
  });

  after(() => haproxy?.stop());

  async function startHaproxy(): Promise<boolean> {
    const [v1 = 0, v2 = 0, tls = 0, passing = 0, http = 0] = await freePorts(5);
    ports = { v1, v2, tls, passing, http };
    const to = (port: number, how: string) => `  server station 127.0.0.1:${port} source ${proxy} ${how}\n`;
    const health = 'check inter 200ms check-send-proxy';
    const config = `global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s
listen v1\n  bind 127.0.0.1:${v1}\n${to(server.httpPort, `send-proxy ${health}`)}
listen v2\n  bind 127.0.0.1:${v2}\n${to(server.httpPort, `send-proxy-v2 proxy-v2-options crc32c,unique-id ${health}`)}
listen tls\n  bind 127.0.0.1:${tls} ssl crt ${folder}/both.pem\n${to(server.httpPort, 'send-proxy-v2-ssl')}
listen passing\n  bind 127.0.0.1:${passing}\n${to(server.httpsPort, 'send-proxy-v2')}
listen http\n  mode http\n  option forwardfor\n  http-request set-header X-Forwarded-Proto https\n  bind 127.0.0.1:${http}\n${to(server.httpPort, '')}`;
    await writeFile(join(folder, 'haproxy.cfg'), config);
    haproxy = new ProgramProcess('haproxy', ['-db', '-f', join(folder, 'haproxy.cfg')]);
    return eventually(
      'HAProxy listens',
      async () => {
        if (!haproxy.isRunning) throw new Error(haproxy.output);
        const client = await RawClient.connect(http).catch(() => undefined);
        client?.destroy();
        return client !== undefined;
      },
      5_000,
    ).catch(async (error: unknown) => {
      await haproxy.stop();
      if (/cannot bind/i.test(haproxy.output)) return false;
      throw error;
    });
  }

  /** Listens by way of a port of HAProxy, and gives what the server took the listener for. */
  async function listen(name: keyof typeof ports, ...lines: string[]): Promise<string> {
    const target = `/live.mp3?haproxy-${name}`;
    const address = { host: '127.0.0.1', port: ports[name], localAddress: listenerIp };
    const isTls = name === 'tls' || name === 'passing';
    const client = RawClient.over(
      isTls ? connectTls({ ...address, rejectUnauthorized: false }) : connect(address),
    );
    try {
      client.write(get(target, ...lines));
      await client.untilBytes(5_000);
      assert.equal(statusIn(client.received), '200');
      assert.ok((await listed('/live.mp3')).includes(`<IP>${listenerIp}</IP>`), 'in the list of clients');
    } finally {
      client.destroy();
    }
    return (await accessLine(target)).split(' ', 1)[0] ?? '';
  }

  test('send-proxy', async () => assert.equal(await listen('v1'), listenerIp));
  test('send-proxy-v2 with a checksum', async () => assert.equal(await listen('v2'), listenerIp));
  test('send-proxy-v2 before TLS that goes through', async () =>
    assert.equal(await listen('passing'), listenerIp));
  test('option forwardfor, and a listener who forges it', async () => {
    assert.equal(await listen('http', 'X-Forwarded-For: 203.0.113.66'), listenerIp);
  });

  test('send-proxy-v2-ssl: links are https', async () => {
    assert.equal(await listen('tls'), listenerIp);
    const { body } = await StreamClient.ask({ port: ports.tls, tls: true, path: '/live.mp3.m3u' });
    assert.match(body, /^https:\/\/radio\.test\/live\.mp3/m);
  });

  test('finds the server healthy, and its checks are nothing malformed', async () => {
    const earlier = await metricOf(server, malformedTotal);
    const connections = await metricOf(server, 'legacystream_runtime_tcp_connections_total');
    await eventually('a few checks came', async () => {
      return (await metricOf(server, 'legacystream_runtime_tcp_connections_total')) > connections + 6;
    });
    assert.equal(await metricOf(server, malformedTotal), earlier);
    assert.doesNotMatch(haproxy.output, /DOWN/);
  });
});

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((each) => once(each, 'listening')));
  const ports = servers.map((each) => (each.address() as AddressInfo).port);
  await Promise.all(servers.map((each) => new Promise((resolve) => each.close(resolve))));
  return ports;
}
