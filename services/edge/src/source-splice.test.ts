import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { IpRangeSet } from '@legacystream/core/auth/ip-range-set.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { type ProxyHeader, ProxyProtocolParser } from '@legacystream/core/protocols/proxy-protocol.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import { notePeer } from '@legacystream/runtime/client-address.ts';
import { closeWith } from '@legacystream/runtime/client-connection.ts';
import { createLog } from '@legacystream/runtime/log.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { RawClient } from '../../../test/support/raw-client.ts';
import { SourceSplice, type SpliceLimits } from './source-splice.ts';

const log = createLog({ level: 'silent' });
const headText = 'SOURCE /a.mp3 HTTP/1.0\r\n\r\n';
const head: RequestHead = { method: 'SOURCE', target: '/a.mp3', protocol: 'HTTP/1.0', headers: new Map() };
const ok = 'HTTP/1.0 200 OK\r\n\r\n';

async function listen(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** What an ingest sees of one connection: the header, and the bytes after it. */
class SeenByIngest {
  readonly socket: Socket;
  header: ProxyHeader | undefined;
  bytes = Buffer.alloc(0);
  hasEnded = false;
  readonly #parser = new ProxyProtocolParser();

  constructor(socket: Socket, onBytes: (seen: SeenByIngest) => void = () => {}) {
    this.socket = socket;
    socket.on('data', (data) => {
      if (this.header) this.bytes = Buffer.concat([this.bytes, data]);
      else {
        const result = this.#parser.push(data);
        if (result.type !== 'header') return;
        this.header = result.header;
        this.bytes = Buffer.from(result.rest);
      }
      onBytes(this);
    });
    socket.on('end', () => {
      this.hasEnded = true;
    });
  }
}

/** An edge before these ingests; what comes first on a connection is taken for the request. */
async function setUp(t: TestContext, ports: readonly number[], limits: Partial<SpliceLimits> = {}) {
  const urls = ports.map((port) => `http://127.0.0.1:${port}`).join(',');
  const splice = new SourceSplice({ urls, clock: new SystemClock(), log, limits });
  const port = await listen(t, (socket) => {
    socket.once('data', (received) => {
      socket.pause();
      const ip = socket.remoteAddress ?? '';
      void splice.handleHttp(head, { socket, ip, rest: new Uint8Array(0), received });
    });
  });
  t.after(() => splice.close());
  const encoder = async (from?: string): Promise<RawClient> => {
    const client = await RawClient.connect(port, from);
    t.after(() => client.destroy());
    return client;
  };
  return { splice, port, encoder };
}

/** An ingest that answers as soon as it has the head, and what came to it. */
async function answering(t: TestContext, answer = ok) {
  const seen: SeenByIngest[] = [];
  const port = await listen(t, (socket) => {
    let isAnswered = false;
    const one = new SeenByIngest(socket, ({ bytes }) => {
      if (isAnswered || !bytes.includes('\r\n\r\n')) return;
      isAnswered = true;
      socket.write(answer);
    });
    seen.push(one);
  });
  return { port, seen };
}

test('an ingest is told who the client is, and then every byte once', async (t) => {
  const { port, seen } = await answering(t);
  const edge = await setUp(t, [port]);
  const client = await edge.encoder('127.0.0.9');
  client.write(headText);
  await client.untilText(ok);
  client.write('audio');
  await eventually('the audio came', () => seen[0]?.bytes.toString() === `${headText}audio`);
  const { source, destination, tls, command } = seen[0]?.header ?? {};
  assert.equal(command, 'proxy');
  assert.deepEqual(source, { address: '127.0.0.9', port: client.socket.localPort });
  assert.deepEqual(destination, { address: '127.0.0.1', port: edge.port });
  assert.notEqual(tls, true);
  assert.deepEqual([edge.splice.stats.open, edge.splice.stats.opened], [1, 1]);
  assert.equal(edge.splice.stats.bytesFromIngest, ok.length);
});

test('a client of a trusted proxy is told as the proxy told it, TLS included', async (t) => {
  const { port, seen } = await answering(t);
  const splice = new SourceSplice({ urls: `http://127.0.0.1:${port}`, clock: new SystemClock(), log });
  t.after(() => splice.close());
  const ip = '2001:db8::7';
  const edgePort = await listen(t, (socket) => {
    notePeer(socket, new IpRangeSet([]), { ip, secure: true });
    void splice.handleHttp(head, { socket, ip, rest: new Uint8Array(0), received: Buffer.from(headText) });
  });
  const client = await RawClient.connect(edgePort);
  t.after(() => client.destroy());
  await client.untilText(ok);
  assert.deepEqual(seen[0]?.header?.source, { address: ip, port: 0 });
  assert.equal(seen[0]?.header?.tls, true);
});

test('an encoder that has ended still hears the last word of the ingest', async (t) => {
  const { port, seen } = await answering(t);
  const { encoder, splice } = await setUp(t, [port]);
  const client = await encoder();
  client.write(headText);
  await client.untilText(ok);
  client.socket.end('last');
  await eventually('the end came', () => seen[0]?.hasEnded);
  assert.ok(seen[0]?.bytes.toString().endsWith('last'));
  seen[0]?.socket.end('farewell');
  assert.equal((await client.closed()).toString(), `${ok}farewell`);
  await eventually('it is over', () => splice.stats.open === 0);
});

test('an answer is read whole by an encoder that sends on', async (t) => {
  const answer = 'x'.repeat(100_000);
  const port = await listen(t, (socket) => {
    new SeenByIngest(socket, ({ bytes }) => {
      if (bytes.includes('\r\n\r\n')) closeWith(socket, answer);
    });
  });
  const { encoder } = await setUp(t, [port]);
  const client = await encoder();
  client.write(headText);
  client.write(Buffer.alloc(500_000));
  const heard = await client.closed();
  assert.ok(
    heard.equals(Buffer.from(answer)),
    `${heard.byteLength} bytes: ${heard.toString().slice(0, 100)}`,
  );
});

test('an ingest that does not answer is not waited for, and tried last afterwards', async (t) => {
  let silent = 0;
  const mute = await listen(t, (socket) => {
    silent += 1;
    socket.resume();
  });
  const { port } = await answering(t);
  const { encoder, splice } = await setUp(t, [mute, port], { answerTimeoutMs: 100 });
  for (let i = 0; i < 5; i++) {
    const client = await encoder();
    client.write(headText);
    const answer = (await client.until((received) => received.includes('\r\n\r\n'))).toString();
    if (i === 0) assert.match(answer, /^HTTP\/1\.1 503 [\s\S]*\r\nRetry-After: /);
    else assert.equal(answer, ok);
  }
  assert.equal(silent, 1);
  assert.equal(splice.stats.refused, 1);
});

/** The port of a process that is stopped and whose queue of new connections is full: packets to it get no answer. */
async function listenFrozen(t: TestContext): Promise<number> {
  const program = `require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port); })`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  child.kill('SIGSTOP');
  const waiting = Array.from({ length: 6 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  t.after(() => waiting.forEach((socket) => void socket.destroy()));
  await eventually('some get no answer', () => waiting.some((socket) => !socket.connecting));
  return port;
}

test('an address that does not react costs the connect timeout, and all of them no more than the limit', async (t) => {
  const frozen = await listenFrozen(t);
  const { port } = await answering(t);
  const limits = { connectTimeoutMs: 200, dialTimeoutMs: 300 };
  const found = await setUp(t, [frozen, port], limits);
  const client = await found.encoder();
  client.write(headText);
  await client.untilText(ok);
  const lost = await setUp(
    t,
    Array.from({ length: 20 }, () => frozen),
    limits,
  );
  const refused = await lost.encoder();
  const startedMs = performance.now();
  refused.write(headText);
  await refused.untilText('HTTP/1.1 503 ');
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs > 150 && tookMs < 2_500, `${tookMs} ms`);
});

test('an ingest that closes without a word is as good as away', async (t) => {
  const closing = await listen(t, (socket) => socket.resume().end());
  const { encoder } = await setUp(t, [closing]);
  const client = await encoder();
  client.write(headText);
  assert.match((await client.closed()).toString(), /^HTTP\/1\.1 503 /);
});

test('an ingest that does not read stops its encoder, and what waits is bounded', async (t) => {
  const { port, seen } = await answering(t);
  const { encoder, splice } = await setUp(t, [port]);
  const client = await encoder();
  client.write(headText);
  await client.untilText(ok);
  const ingest = seen[0]?.socket;
  assert.ok(ingest);
  ingest.pause();
  const total = 32 * 1024 * 1024;
  client.write(Buffer.alloc(total));
  let last = -1;
  await eventually('nothing moves', async () => {
    const before = last;
    await new Promise((resolve) => setTimeout(resolve, 200));
    last = splice.stats.bytesToIngest;
    return last === before;
  });
  assert.ok(last < total / 2, `${last} bytes were taken`);
  ingest.removeAllListeners('data');
  let received = 0;
  ingest.on('data', (data) => {
    received += data.byteLength;
  });
  ingest.resume();
  await eventually('the rest came', () => splice.stats.bytesToIngest >= total && received > total / 2);
});

test('two sides that stand still are ended', async (t) => {
  const { port, seen } = await answering(t);
  const { encoder, splice } = await setUp(t, [port], { idleTimeoutMs: 150 });
  const client = await encoder();
  client.write(headText);
  await client.untilText(ok);
  await client.closed();
  await eventually('the ingest is told', () => seen[0]?.socket.destroyed || seen[0]?.hasEnded);
  assert.equal(splice.stats.open, 0);
});

test('an end that the other side does not answer is not waited for', async (t) => {
  const { port, seen } = await answering(t);
  const { encoder, splice } = await setUp(t, [port], { halfOpenTimeoutMs: 150 });
  const client = await encoder();
  client.write(headText);
  await client.untilText(ok);
  client.socket.end();
  await client.closed();
  assert.equal(splice.stats.open, 0);
  assert.ok(seen[0]?.hasEnded);
});

test('an encoder that resets its connection is gone for the ingest as well', async (t) => {
  const { port, seen } = await answering(t);
  const { encoder, splice } = await setUp(t, [port]);
  const client = await encoder();
  client.write(headText);
  await client.untilText(ok);
  client.socket.resetAndDestroy();
  await eventually('the ingest is told', () => seen[0]?.hasEnded || seen[0]?.socket.destroyed);
  assert.equal(splice.stats.open, 0);
});

test('sources spread over the ingests', async (t) => {
  const several = [await answering(t), await answering(t), await answering(t)];
  const { encoder } = await setUp(
    t,
    several.map(({ port }) => port),
  );
  for (let i = 0; i < 6; i++) {
    const client = await encoder();
    client.write(headText);
    await client.untilText(ok);
  }
  assert.deepEqual(
    several.map(({ seen }) => seen.length),
    [2, 2, 2],
  );
});

test('an ingest that falls silent loses its sources, which come back to another', async (t) => {
  const silent = new Set<number>();
  const ingests = await Promise.all(
    [0, 1].map(async (i) => {
      const seen: SeenByIngest[] = [];
      const port = await listen(t, (socket) => {
        if (silent.has(i)) return;
        seen.push(new SeenByIngest(socket, () => socket.write(ok)));
      });
      return { port, seen };
    }),
  );
  const limits = { probeEveryMs: 50, probeTimeoutMs: 1_000 };
  const { encoder, splice } = await setUp(
    t,
    ingests.map(({ port }) => port),
    limits,
  );
  const clients: RawClient[] = [];
  for (let i = 0; i < 6; i += 1) {
    const client = await encoder();
    client.write(headText);
    await client.untilText(ok);
    clients.push(client);
  }
  const probes = () =>
    ingests.map(({ seen }) => seen.filter(({ header }) => header?.command === 'local').length);
  await eventually('both are asked', () => probes().every((count) => count >= 4));
  assert.equal(splice.stats.open, 6, 'who answers keeps its sources');
  const [first] = probes();
  silent.add(0);
  await eventually('its sources are let go', () => clients.filter(({ isClosed }) => isClosed).length === 3);
  assert.equal(splice.stats.open, 3);
  assert.deepEqual(
    clients.map(({ isClosed }) => isClosed),
    [true, false, true, false, true, false],
  );
  assert.ok(probes()[0]! - first! <= 1);
  for (let i = 0; i < 4; i += 1) {
    const client = await encoder();
    client.write(headText);
    await client.untilText(ok);
  }
  assert.equal(splice.stats.open, 7, 'all went to the other at once');
});

test('an ingest is asked on one connection at a time, and no more when its sources have left', async (t) => {
  const probes: Socket[] = [];
  let mostAtOnce = 0;
  const port = await listen(t, (socket) => {
    const seen = new SeenByIngest(socket, () => {
      if (seen.header?.command === 'proxy') return void socket.write(ok);
      probes.push(socket);
      mostAtOnce = Math.max(mostAtOnce, probes.filter(({ destroyed }) => !destroyed).length);
      setTimeout(() => socket.destroyed || socket.end(ok), 60);
    });
  });
  const { encoder, splice } = await setUp(t, [port], { probeEveryMs: 20, probeTimeoutMs: 2_000 });
  const clients = [await encoder(), await encoder(), await encoder()];
  for (const client of clients) {
    client.write(headText);
    await client.untilText(ok);
  }
  await eventually('it has been asked', () => probes.length >= 5);
  assert.equal(mostAtOnce, 1);
  for (const client of clients) client.destroy();
  await eventually('they have left', () => splice.stats.open === 0);
  await eventually('the last question is over', () => probes.every(({ destroyed }) => destroyed));
  const count = probes.length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(probes.length, count);
});

test('closing lets every source go and takes no more', async (t) => {
  const { port, seen } = await answering(t);
  const { encoder, splice } = await setUp(t, [port]);
  const client = await encoder();
  client.write(headText);
  await client.untilText(ok);
  splice.close();
  await client.closed();
  const late = await encoder();
  late.write(headText);
  assert.equal((await late.closed()).byteLength, 0);
  await eventually('the ingest is told', () =>
    seen.every(({ socket }) => socket.destroyed || socket.readableEnded),
  );
});

test('an encoder that leaves while no ingest is found leaves nothing behind', async (t) => {
  const refusing = createServer();
  refusing.listen(0, '127.0.0.1');
  await once(refusing, 'listening');
  const { port } = refusing.address() as AddressInfo;
  refusing.close();
  await once(refusing, 'close');
  const { splice, port: edgePort } = await setUp(t, [port]);
  const socket = connect(edgePort, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(headText);
  socket.end();
  socket.resume();
  await once(socket, 'close');
  assert.equal(splice.stats.open, 0);
});

test('only plain connections lead to an ingest', () => {
  for (const urls of ['https://ingest:8000', 'ingest:8000', '', 'http://a:1,,http://b:2']) {
    assert.throws(
      () => new SourceSplice({ urls, clock: new SystemClock(), log }),
      (error) => error instanceof LegacyStreamError && error.code === 'LS_PARAMETER_INVALID',
      urls,
    );
  }
});
