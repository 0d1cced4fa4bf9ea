import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createTelemetryServer } from './telemetry.ts';

async function setUp(t: TestContext) {
  const state = { notReady: [] as string[], closedToNewcomers: [] as string[] };
  const drains: string[] = [];
  const page = { contentType: 'text/plain; version=0.0.4', render: async () => 'a_metric 1\n' };
  const server = createTelemetryServer({
    port: 0,
    bindAddress: '127.0.0.1',
    checks: { notReady: () => state.notReady, closedToNewcomers: () => state.closedToNewcomers },
    registry: page,
    drain: {
      allows: async (authorization) => authorization === 'Basic right',
      start: () => drains.push('start'),
      cancel: () => drains.push('cancel'),
    },
  });
  await server.start();
  t.after(() => server.close());
  const ask = async (path: string, method = 'GET', authorization?: string) => {
    const headers = authorization ? { authorization } : {};
    const outgoing = request({
      host: '127.0.0.1',
      port: server.port,
      path,
      method,
      headers,
      agent: false,
    }).end();
    const [response] = await once(outgoing, 'response');
    let body = '';
    for await (const part of response) body += part;
    return { status: response.statusCode as number, headers: response.headers, body };
  };
  return { server, state, page, ask, drains };
}

test('a healthy pod answers ok everywhere', async (t) => {
  const { ask } = await setUp(t);
  for (const path of ['/livez', '/readyz', '/lbz', '/livez?verbose']) {
    const { status, headers, body } = await ask(path);
    assert.equal(status, 200, path);
    assert.deepEqual(JSON.parse(body), { status: 'ok', reasons: [] });
    assert.match(headers['content-type'] ?? '', /^application\/json/);
    assert.equal(headers['cache-control'], 'no-store');
  }
});

test('a draining or full pod is shut to newcomers at once, and stays ready', async (t) => {
  const { state, ask } = await setUp(t);
  state.closedToNewcomers = ['draining', 'full'];
  const { status, body } = await ask('/lbz');
  assert.equal(status, 503);
  assert.deepEqual(JSON.parse(body), { status: 'unavailable', reasons: ['draining', 'full'] });
  assert.equal((await ask('/readyz')).status, 200);
  assert.equal((await ask('/livez')).status, 200);
});

test('a pod that cannot serve is alive all the same', async (t) => {
  const { state, ask } = await setUp(t);
  state.notReady = ['starting'];
  assert.equal((await ask('/readyz')).status, 503);
  assert.deepEqual(JSON.parse((await ask('/lbz')).body).reasons, ['starting']);
  assert.equal((await ask('/livez')).status, 200);
});

test('a check that throws is a reason, not a crash', async (t) => {
  const { state, ask } = await setUp(t);
  Object.defineProperty(state, 'notReady', {
    get: () => {
      throw new Error('no answer');
    },
  });
  const { status, body } = await ask('/readyz');
  assert.equal(status, 503);
  assert.deepEqual(JSON.parse(body).reasons, ['the check failed: no answer']);
});

test('metrics come with their content type, and a failure is a 500', async (t) => {
  const { page, ask } = await setUp(t);
  const { status, headers, body } = await ask('/metrics');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], page.contentType);
  assert.equal(body, 'a_metric 1\n');
  page.render = () => Promise.reject(new Error('scrape'));
  assert.equal((await ask('/metrics')).status, 500);
  assert.equal((await ask('/livez')).status, 200);
});

test('HEAD has no body, other methods and paths are refused', async (t) => {
  const { ask } = await setUp(t);
  const head = await ask('/livez', 'HEAD');
  assert.equal(head.status, 200);
  assert.equal(head.body, '');
  assert.equal((await ask('/', 'GET')).status, 404);
  assert.equal((await ask('/livez/', 'GET')).status, 404);
  const post = await ask('/livez', 'POST');
  assert.equal(post.status, 405);
  assert.equal(post.headers['allow'], 'GET, HEAD');
});

test('closing ends idle connections and may be repeated', async (t) => {
  const { server } = await setUp(t);
  const client = connect(server.port, '127.0.0.1');
  client.on('error', () => {});
  client.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(client, 'data');
  const gone = once(client, 'close');
  await Promise.all([server.close(), server.close()]);
  await gone;
});

test('a port in use is one plain sentence', async (t) => {
  const { server } = await setUp(t);
  const second = createTelemetryServer({
    port: server.port,
    bindAddress: '127.0.0.1',
    checks: { notReady: () => [], closedToNewcomers: () => [] },
    registry: { contentType: 'text/plain', render: async () => '' },
  });
  await assert.rejects(second.start(), { code: 'LS_LISTEN_FAILED', message: /another program is using it/ });
  await second.close();
});

test('only the administrator drains, and stops it', async (t) => {
  const { ask, drains } = await setUp(t);
  assert.equal((await ask('/drain', 'POST')).status, 401);
  assert.equal((await ask('/drain', 'DELETE', 'Basic wrong')).status, 401);
  assert.equal((await ask('/drain', 'GET', 'Basic right')).status, 405);
  assert.deepEqual(drains, []);
  assert.equal((await ask('/drain', 'POST', 'Basic right')).status, 200);
  assert.equal((await ask('/drain', 'DELETE', 'Basic right')).status, 200);
  assert.deepEqual(drains, ['start', 'cancel']);
});
