import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { connect, Server } from 'node:net';
import { test } from 'node:test';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { listenTcp, type TcpListenOptions } from './tcp-listener.ts';

const local = { host: '127.0.0.1', port: 0, name: 'test' } as const;

async function failureOf(options: TcpListenOptions): Promise<LegacyStreamError> {
  try {
    await (await listenTcp(options)).close();
  } catch (error) {
    assert.ok(error instanceof LegacyStreamError, `${error}`);
    assert.equal(error.code, 'LS_LISTEN_FAILED');
    assert.ok(error.cause);
    return error;
  }
  assert.fail('it listens');
}

/** Fails the first listen the way a machine without IPv6 does. */
class ServerWithoutIpv6 extends Server {
  readonly hosts: unknown[] = [];

  override listen(...parameters: unknown[]): this {
    const [options] = parameters as [{ host: string; port: number }];
    this.hosts.push(options.host);
    if (options.host === '::') {
      const error = Object.assign(new Error('listen EAFNOSUPPORT'), { code: 'EAFNOSUPPORT' });
      setImmediate(() => this.emit('error', error));
      return this;
    }
    return super.listen({ ...options, host: '127.0.0.1' });
  }
}

test('a listener takes connections on the port it names', async (t) => {
  const listener = await listenTcp({ ...local, backlog: 16 });
  t.after(() => listener.close());
  assert.ok(listener.port > 0);
  const accepted = once(listener.server, 'connection');
  const client = connect(listener.port, '127.0.0.1');
  const [socket] = await accepted;
  socket.destroy();
  client.destroy();
});

test('the server may be one of node:http', async (t) => {
  const server = createServer((_, response) => response.end('ok'));
  const listener = await listenTcp({ ...local, server });
  t.after(async () => {
    await listener.close();
    server.closeAllConnections();
  });
  const [response] = await once(get({ port: listener.port, host: '127.0.0.1', agent: false }), 'response');
  assert.equal(response.statusCode, 200);
  response.resume();
});

test('a port in use is one plain sentence', async (t) => {
  const first = await listenTcp(local);
  t.after(() => first.close());
  const error = await failureOf({ ...local, port: first.port, name: 'listeners' });
  assert.equal(
    error.message,
    `cannot listen on port ${first.port}: another program is using it (wanted for listeners)`,
  );
});

test('an address of another machine and a port out of range are plain sentences', async () => {
  assert.match((await failureOf({ ...local, host: '192.0.2.1' })).message, /has no address 192\.0\.2\.1/);
  assert.match(
    (await failureOf({ ...local, port: 70_000 })).message,
    /^cannot listen on port 70000: a port is a number/,
  );
});

test('without IPv6 the wildcard falls back to IPv4', async (t) => {
  const server = new ServerWithoutIpv6();
  const listener = await listenTcp({ ...local, host: '::', server });
  t.after(() => listener.close());
  assert.deepEqual(server.hosts, ['::', '0.0.0.0']);
  assert.ok(listener.port > 0);
});

test('a given IPv6 address is never replaced by IPv4', async () => {
  const server = new ServerWithoutIpv6();
  server.listen = (options: unknown) =>
    ServerWithoutIpv6.prototype.listen.call(server, { ...(options as object), host: '::' });
  assert.match((await failureOf({ ...local, host: '::1', server })).message, /EAFNOSUPPORT/);
  assert.equal(server.hosts.length, 1);
});

test('several listeners share a port on request', async (t) => {
  const first = await listenTcp({ ...local, reusePort: true });
  const second = await listenTcp({ ...local, port: first.port, reusePort: true });
  t.after(() => Promise.all([first.close(), second.close()]));
  assert.equal(second.port, first.port);
});

test('closing frees the port at once and keeps open connections', async () => {
  const listener = await listenTcp(local);
  const accepted = once(listener.server, 'connection');
  const client = connect(listener.port, '127.0.0.1');
  const [socket] = await accepted;
  await Promise.all([listener.close(), listener.close()]);
  const next = await listenTcp({ ...local, port: listener.port });
  await next.close();
  socket.write('still here');
  const [data] = await once(client, 'data');
  assert.equal(String(data), 'still here');
  socket.destroy();
  client.destroy();
});

test('a failure to take a connection does not end the process', async (t) => {
  const errors: string[] = [];
  const listener = await listenTcp({ ...local, onError: (error) => void errors.push(error.message) });
  const silent = await listenTcp(local);
  t.after(() => Promise.all([listener.close(), silent.close()]));
  listener.server.emit('error', new Error('accept EMFILE'));
  silent.server.emit('error', new Error('accept EMFILE'));
  assert.deepEqual(errors, ['accept EMFILE']);
});
