import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { IpRangeSet } from '@legacystream/core/auth/ip-range-set.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { notePeer } from '@legacystream/runtime/client-address.ts';
import { createLog } from '@legacystream/runtime/log.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { RawClient } from '../../../test/support/raw-client.ts';
import { type ControlProxyLimits, createControlProxy } from './control-proxy.ts';

const log = createLog({ level: 'silent' });

async function listen(t: TestContext, server: Server | TcpServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** An edge before `port`. */
async function edgeBefore(
  t: TestContext,
  port: number,
  options: { limits?: Partial<ControlProxyLimits>; bodyBytes?: number; trusted?: string[] } = {},
) {
  const { limits = {}, bodyBytes = 1000, trusted = [] } = options;
  const proxy = createControlProxy({ url: `http://127.0.0.1:${port}`, log, bodyBytes, limits });
  t.after(() => proxy.close());
  const server = createServer((request, response) => {
    const handler = proxy.route((request.url ?? '').split('?')[0] ?? '');
    if (handler) void handler(request, response);
    else response.writeHead(404).end();
  });
  server.on('connection', (socket) => notePeer(socket, new IpRangeSet(trusted)));
  const edgePort = await listen(t, server);
  return { proxy, port: edgePort, url: `http://127.0.0.1:${edgePort}` };
}

/** An edge before a control that answers as told. */
async function setUp(
  t: TestContext,
  control: RequestListener,
  options: Parameters<typeof edgeBefore>[2] = {},
) {
  return edgeBefore(t, await listen(t, createServer(control)), options);
}

type Seen = { method: string; url: string; headers: IncomingHttpHeaders; body: string };

async function seenOf(request: IncomingMessage): Promise<Seen> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const { method = '', url = '', headers } = request;
  return { method, url, headers, body: Buffer.concat(parts).toString('latin1') };
}

/** Answers every request with what control saw of it. */
const echo: RequestListener = async (request, response) => {
  const body = JSON.stringify(await seenOf(request));
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(body);
};

function request(...lines: string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** What control saw of a request that is written byte for byte. */
async function seenRaw(port: number, text: string): Promise<Seen> {
  const answer = await RawClient.exchange(port, text);
  assert.match(answer, /^HTTP\/1\.1 200 /);
  return JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as Seen;
}

test('only what is control’s goes to control', () => {
  const { route, close } = createControlProxy({ url: 'http://control:8080', log, bodyBytes: 1 });
  for (const path of ['/api', '/api/v1/events', '/dashboard', '/dashboard/']) assert.ok(route(path), path);
  for (const path of [
    '/',
    '/apis',
    '/API',
    '/live.mp3',
    '/admin/',
    '/.well-known/acme-challenge/x',
    '/dashboards/',
  ])
    assert.equal(route(path), undefined, path);
  close();
});

test('method, target, fields and body arrive as they were sent', async (t) => {
  const { url, port } = await setUp(t, echo);
  const answer = await fetch(`${url}/api/v1/mounts?a=%20b&c`, {
    method: 'PATCH',
    body: '{"x":1}',
    headers: { 'Content-Type': 'application/json', Cookie: 'a=1; b=2', 'If-Match': '"7"' },
  });
  const seen = (await answer.json()) as Seen;
  assert.deepEqual([seen.method, seen.url, seen.body], ['PATCH', '/api/v1/mounts?a=%20b&c', '{"x":1}']);
  assert.equal(seen.headers.cookie, 'a=1; b=2');
  assert.equal(seen.headers['if-match'], '"7"');
  assert.equal(seen.headers['content-type'], 'application/json');
  assert.equal(seen.headers.host, `127.0.0.1:${port}`);
});

test('fields of the connection stay here, those that the sender names included', async (t) => {
  const { port } = await setUp(t, echo);
  const { headers } = await seenRaw(
    port,
    request(
      'GET /api/x HTTP/1.1',
      'Host: radio.test',
      'Connection: close, X-Secret, X-Forwarded-For',
      'X-Secret: 1',
      'TE: trailers',
      'Upgrade: websocket',
      'Proxy-Authorization: Basic eA==',
      'Keep-Alive: timeout=5',
      'X-Kept: 1',
    ),
  );
  assert.equal(headers.connection, 'keep-alive');
  for (const name of ['x-secret', 'te', 'upgrade', 'proxy-authorization', 'keep-alive'])
    assert.equal(headers[name], undefined, name);
  assert.equal(headers['x-kept'], '1');
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
});

const forged = request(
  'GET /api/x HTTP/1.1',
  'Host: inner.test',
  'X-Forwarded-For: 203.0.113.66, 198.51.100.7',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: radio.test',
  'X-Forwarded-Prefix: /evil',
  'X-Real-IP: 203.0.113.66',
  'Forwarded: for=203.0.113.66',
  'Connection: close',
);

test('what a stranger says of himself goes no further', async (t) => {
  const { port } = await setUp(t, echo);
  const { headers } = await seenRaw(port, forged);
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(headers['x-forwarded-proto'], 'http');
  assert.equal(headers['x-forwarded-host'], 'inner.test');
  for (const name of ['x-forwarded-prefix', 'x-real-ip', 'forwarded'])
    assert.equal(headers[name], undefined, name);
});

test('what a trusted proxy says is passed on', async (t) => {
  const { port } = await setUp(t, echo, { trusted: ['127.0.0.0/8'] });
  const { headers } = await seenRaw(port, forged);
  assert.equal(headers['x-forwarded-for'], '198.51.100.7');
  assert.equal(headers['x-forwarded-proto'], 'https');
  assert.equal(headers['x-forwarded-host'], 'radio.test');
  assert.equal(headers.host, 'inner.test');
});

test('a body in chunks arrives whole, whatever the method, and is no request of its own', async (t) => {
  let count = 0;
  const { port } = await setUp(t, (incoming, response) => {
    count += 1;
    void echo(incoming, response);
  });
  for (const method of ['POST', 'GET', 'DELETE']) {
    const inner = 'GET /api/smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
    const chunk = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`;
    const head = request(
      `${method} /api/x HTTP/1.1`,
      'Host: x',
      'Transfer-Encoding: chunked',
      'Connection: close, Transfer-Encoding, Content-Length',
    );
    const seen = await seenRaw(port, head + chunk);
    assert.deepEqual([seen.method, seen.body], [method, inner]);
  }
  assert.equal(count, 3);
});

test('status, fields and body of the answer come back', async (t) => {
  const { url } = await setUp(t, (_incoming, response) => {
    response.setHeader('Set-Cookie', ['a=1', 'b=2']);
    response.writeHead(422, {
      'Content-Type': 'application/problem+json',
      Connection: 'X-Inner',
      'X-Inner': '1',
    });
    response.end('{"a":1}');
  });
  const answer = await fetch(`${url}/api/x`);
  assert.equal(answer.status, 422);
  assert.deepEqual(answer.headers.getSetCookie(), ['a=1', 'b=2']);
  assert.equal(answer.headers.get('x-inner'), null);
  assert.equal(await answer.text(), '{"a":1}');
});

test('HEAD has the length and no body, and the connection goes on', async (t) => {
  const { port } = await setUp(t, (incoming, response) => {
    response.setHeader('Content-Length', 5);
    response.end(incoming.method === 'HEAD' ? undefined : 'hello');
  });
  const answer = await RawClient.exchange(
    port,
    request('HEAD /dashboard/ HTTP/1.1', 'Host: x') +
      request('GET /dashboard/ HTTP/1.1', 'Host: x', 'Connection: close'),
  );
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n(?:(?!\r\n\r\n)[\s\S])*content-length: 5\r\n/i);
  assert.match(answer, /\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nhello$/);
});

test('events come one by one, and a reader who leaves is gone for control', async (t) => {
  let feed: ServerResponse | undefined;
  let hasLeft = false;
  const { port, proxy } = await setUp(t, (_incoming, response) => {
    feed = response;
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
    response.on('close', () => {
      hasLeft = true;
    });
  });
  const client = await RawClient.connect(port);
  client.write(request('GET /api/v1/events HTTP/1.1', 'Host: x'));
  await client.untilText('text/event-stream');
  for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
    feed?.write(event);
    await client.untilText(event);
  }
  assert.equal(proxy.stats.open, 1);
  client.destroy();
  await eventually('control is told', () => hasLeft);
  await eventually('nothing is open', () => proxy.stats.open === 0);
});

test('a body above the limit is refused, told or not', async (t) => {
  let whole = 0;
  const { port, url } = await setUp(
    t,
    async (incoming, response) => {
      await seenOf(incoming).then(
        () => {
          whole += 1;
        },
        () => {},
      );
      response.end();
    },
    { bodyBytes: 1000 },
  );
  const told = await fetch(`${url}/api/x`, { method: 'POST', body: 'x'.repeat(1001) });
  assert.equal(told.status, 413);
  assert.equal(((await told.json()) as { status: number }).status, 413);
  const client = await RawClient.connect(port);
  client.write(request('POST /api/x HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked'));
  client.write(`1000\r\n${'x'.repeat(0x1000)}\r\n`);
  assert.match((await client.untilText('\r\n\r\n')).toString(), /^HTTP\/1\.1 413 /);
  client.destroy();
  assert.equal(whole, 0);
  assert.equal((await fetch(`${url}/api/x`, { method: 'POST', body: 'x'.repeat(1000) })).status, 200);
});

test('when control is away a client is told so', async (t) => {
  const gone = createTcpServer();
  gone.listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as AddressInfo;
  gone.close();
  await once(gone, 'close');
  const { url, proxy } = await edgeBefore(t, port);
  const api = await fetch(`${url}/api/x`, { method: 'POST', body: 'x' });
  assert.equal(api.status, 502);
  assert.equal(api.headers.get('content-type'), 'application/problem+json');
  assert.deepEqual(Object.keys((await api.json()) as object), ['type', 'title', 'status', 'detail']);
  const page = await fetch(`${url}/dashboard/`);
  assert.equal(page.status, 502);
  assert.match(page.headers.get('content-type') ?? '', /^text\/plain/);
  assert.equal((await fetch(`${url}/dashboard/`, { method: 'HEAD' })).status, 502);
  assert.equal(proxy.stats.failed, 3);
});

test('a control that does not answer is not waited for', async (t) => {
  const { url } = await setUp(t, (incoming) => incoming.resume(), { limits: { answerTimeoutMs: 100 } });
  assert.equal((await fetch(`${url}/api/x`)).status, 504);
  assert.equal((await fetch(`${url}/api/x`, { method: 'POST', body: 'x' })).status, 504);
});

test('an answer that is cut off does not look whole', async (t) => {
  const { url } = await setUp(t, (_incoming, response) => {
    response.write('half');
    setImmediate(() => response.destroy());
  });
  await assert.rejects(async () => (await fetch(`${url}/api/x`)).text());
});

test('an answer that stands still is ended', async (t) => {
  const { url } = await setUp(t, (_incoming, response) => response.write('half'), {
    limits: { idleTimeoutMs: 100 },
  });
  await assert.rejects(async () => (await fetch(`${url}/api/x`)).text());
});

test('a kept connection that control has just closed costs no request', async (t) => {
  let asked = 0;
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok';
  const control = createTcpServer((socket) => {
    let isUsed = false;
    socket.on('error', () => {});
    socket.on('data', () => {
      asked += 1;
      if (isUsed) return void socket.resetAndDestroy();
      isUsed = true;
      socket.write(answer);
    });
  });
  const { url } = await edgeBefore(t, await listen(t, control));
  for (let i = 0; i < 3; i++) assert.equal(await (await fetch(`${url}/api/x`)).text(), 'ok');
  assert.ok(asked > 3, 'a connection was used again');
});

test('requests at once are bounded', async (t) => {
  const { url, proxy } = await setUp(
    t,
    (_incoming, response) => response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders(),
    { limits: { maxRequests: 1 } },
  );
  const leave = new AbortController();
  await fetch(`${url}/api/events`, { signal: leave.signal });
  const refused = await fetch(`${url}/api/events`);
  assert.equal(refused.status, 503);
  assert.ok(refused.headers.has('retry-after'));
  leave.abort();
  await eventually('there is room again', () => proxy.stats.open === 0);
});

test('only http and https lead to control', () => {
  for (const url of ['', 'control:8080', 'ftp://control'])
    assert.throws(
      () => createControlProxy({ url, log, bodyBytes: 1 }),
      (error) => error instanceof LegacyStreamError && error.code === 'LS_PARAMETER_INVALID',
      url,
    );
});
