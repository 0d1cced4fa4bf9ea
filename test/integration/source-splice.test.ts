/**
 * Encoders that connect to an edge and are passed on to an ingest: every dialect, refusals
 * included, looks to them as if they spoke to the ingest, and to the ingest as if they had
 * come to it themselves.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { SourceSplice } from '@legacystream/edge/source-splice.ts';
import { FrontDoor } from '@legacystream/runtime/front-door/front-door.ts';
import { createHttpServer } from '@legacystream/runtime/http/http-server.ts';
import { createLog } from '@legacystream/runtime/log.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { createTlsServer } from '@legacystream/runtime/tls.ts';
import { missingProgram } from '../programs.mjs';
import { countingFormats, countingFrames } from '../support/counting-frames.ts';
import { readCountingFrames, runsOf } from '../support/counting-reader.ts';
import { basicAuth, CountingSource, sourceDialects } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { statusSources } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';
import { judgeTone, toneHz, toneInput } from '../support/tone-judge.ts';

const format = countingFormats.mp3At128;
const frameCount = 60;
const encoderIp = '127.0.0.5';
const headLimits = { headBytes: 16_384, headLines: 100, targetBytes: 4096, headTimeoutMs: 10_000 };

/** The part of an edge that takes sources, in this process. */
class Edge {
  readonly splice: SourceSplice;
  readonly door: FrontDoor;
  readonly #server: Server;

  constructor(urls: string) {
    const clock = new SystemClock();
    this.splice = new SourceSplice({ urls, clock, log: createLog({ level: 'silent' }) });
    const http = createHttpServer(headLimits, (_request, response) => response.writeHead(404).end());
    this.door = new FrontDoor(
      {
        source: (head, client) => this.splice.handleHttp(head, client),
        shoutcast: (line, client) => this.splice.handleShoutcast(line, client),
        stream: async () => 'pass',
        http,
      },
      { ...headLimits, maxConnections: 100 },
    );
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.door.accept(socket));
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.splice.close();
    this.door.close();
    this.#server.close();
  }
}

let ingest: ServerProcess;
let edge: Edge;
let nextId = 1;

const startIngest = () =>
  ServerProcess.start({
    ini: '[Streaming]\nLinger=0\nSourceTimeout=5\n',
    set: ['server.trustedProxies=127.0.0.1/32', 'server.proxyProtocol=optional'],
  });

before(async () => {
  ingest = await startIngest();
  edge = await new Edge(ingest.url).listen();
});
after(async () => {
  edge?.close();
  await ingest?.stop();
});

const isOnAir = async (mount: string): Promise<boolean> => (await statusSources(ingest)).has(mount);
const free = (mount: string) => eventually(`${mount} is free`, async () => !(await isOnAir(mount)), 4_000);
const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
const connectedAt = (mount: string) =>
  ingest.waitFor('source.connected', 10_000, (line) => line['mount'] === mount);

/** A listener of the ingest hears exactly the frames of this source. */
async function expectHeard(mount: string, id: number, count = frameCount): Promise<void> {
  const listener = await StreamClient.open({ port: ingest.httpPort, path: mount });
  try {
    const { frames, strayBytes } = readCountingFrames(
      await listener.receive(count * format.frameBytes),
      format,
    );
    assert.deepEqual(runsOf(frames), [`${id}: 0-${count - 1}`]);
    assert.equal(strayBytes, 0);
  } finally {
    listener.close();
  }
}

describe('what an encoder says', () => {
  for (const dialect of sourceDialects) {
    test(`${dialect}: reaches the ingest from its first byte, and its end as well`, async () => {
      const mount = `/by-${dialect.replace(/\W/g, '-').toLowerCase()}.mp3`;
      const id = nextId++;
      const source = await CountingSource.start({ port: edge.port, mount, id, dialect, silent: true });
      try {
        source.sendAhead(frameCount);
        await expectHeard(mount, id);
        await source.end();
        await free(mount);
      } finally {
        source.destroy();
      }
      await eventually('the splice is over', () => edge.splice.stats.open === 0);
    });
  }

  test('audio that comes in one piece with the request is not lost', async () => {
    const id = nextId++;
    const source = await CountingSource.ask({
      port: edge.port,
      mount: '/eager.mp3',
      id,
      eagerFrames: frameCount,
    });
    try {
      assert.ok(await source.admitted());
      await expectHeard('/eager.mp3', id);
    } finally {
      source.destroy();
    }
    await free('/eager.mp3');
  });

  test('a request that comes byte by byte is passed on whole, and the client is its own', async () => {
    const client = await RawClient.connect(edge.port, encoderIp);
    try {
      const id = nextId++;
      await client.writeByteByByte(
        head('SOURCE /slowly.mp3 ICE/1.0', basicAuth(), 'Content-Type: audio/mpeg'),
      );
      await client.untilText('HTTP/1.0 200 OK\r\n\r\n');
      client.write(countingFrames(0, frameCount, format, id));
      await expectHeard('/slowly.mp3', id);
      assert.equal((await connectedAt('/slowly.mp3'))['ip'], encoderIp);
    } finally {
      client.destroy();
    }
    await free('/slowly.mp3');
  });

  test('a SHOUTcast source is its own client as well', async () => {
    const client = await RawClient.connect(edge.port, encoderIp);
    try {
      client.write(`/icy.mp3:${sourcePassword}\r\n`);
      await client.untilText('OK2\r\nicy-caps:11\r\n\r\n');
      client.write(head('icy-name: Radio', 'content-type: audio/mpeg'));
      assert.equal((await connectedAt('/icy.mp3'))['ip'], encoderIp);
    } finally {
      client.destroy();
    }
  });

  test('what a client writes into X-Forwarded-For does not make it another', async () => {
    const client = await RawClient.connect(edge.port, encoderIp);
    try {
      const forged = 'X-Forwarded-For: 203.0.113.66';
      client.write(head('SOURCE /forged.mp3 HTTP/1.0', forged, basicAuth(), 'Content-Type: audio/mpeg'));
      assert.equal((await connectedAt('/forged.mp3'))['ip'], encoderIp);
    } finally {
      client.destroy();
    }
  });
});

describe('refusals are the ingest’s own', () => {
  test('a wrong password is told 401, and an encoder that sends on still reads it', async () => {
    const client = await RawClient.connect(edge.port);
    client.write(head('SOURCE /no.mp3 HTTP/1.0', basicAuth('wrong'), 'Content-Type: audio/mpeg'));
    client.write(Buffer.alloc(200_000));
    const answer = (await client.closed()).toString('latin1');
    client.destroy();
    assert.match(answer, /^HTTP\/1\.1 401 Unauthorized\r\nWWW-Authenticate: Basic /);
  });

  test('a wrong SHOUTcast password is told so', async () => {
    assert.equal(await RawClient.exchange(edge.port, 'wrong\r\n'), 'invalid password\r\n');
  });

  test('after the 401 of a probe the connection goes on', async () => {
    const client = await RawClient.connect(edge.port);
    try {
      client.write(head('PUT /probed.mp3 HTTP/1.1', 'Host: x', 'Content-Length: 0'));
      await client.untilText('You need to authenticate\r\n');
      client.take(client.byteCount);
      client.write(head('PUT /probed.mp3 HTTP/1.1', 'Host: x', basicAuth(), 'Expect: 100-continue'));
      await client.untilText('HTTP/1.1 100 Continue\r\n\r\n');
    } finally {
      client.destroy();
    }
  });

  test('a mount in use is told 403', async () => {
    const first = await CountingSource.start({ port: edge.port, mount: '/used.mp3', id: nextId++ });
    try {
      const second = await CountingSource.ask({ port: edge.port, mount: '/used.mp3', id: nextId++ });
      assert.equal(await second.admitted(), false);
      assert.match(second.client.text, /^HTTP\/1\.1 403 /);
      second.destroy();
    } finally {
      first.destroy();
    }
    await free('/used.mp3');
  });
});

describe('ends', () => {
  test('an encoder that resets its connection frees the mount', async () => {
    const source = await CountingSource.start({ port: edge.port, mount: '/reset.mp3', id: nextId++ });
    await eventually('it is on air', () => isOnAir('/reset.mp3'));
    source.pause();
    source.socket.resetAndDestroy();
    await free('/reset.mp3');
  });

  test('a source that the operator ends is told at once', async () => {
    const source = await CountingSource.start({ port: edge.port, mount: '/ended.mp3', id: nextId++ });
    await eventually('it is on air', () => isOnAir('/ended.mp3'));
    const response = await ingest.admin('/admin/killsource?mount=/ended.mp3');
    assert.equal(response.status, 200);
    await source.client.closed(2_000);
    source.destroy();
  });

  test('an encoder that falls silent is ended by the ingest', async () => {
    const source = await CountingSource.start({ port: edge.port, mount: '/silent.mp3', id: nextId++ });
    source.pause();
    await source.client.closed(10_000);
    source.destroy();
    await free('/silent.mp3');
  });
});

describe('ffmpeg', { skip: missingProgram('ffmpeg', 'ffprobe') }, () => {
  const dialects = {
    put: { scheme: 'icecast', args: [] },
    source: { scheme: 'icecast', args: ['-legacy_icecast', '1'] },
    'chunked-put-after-a-challenge': { scheme: 'http', args: ['-method', 'PUT'] },
  };

  function encode(mount: string, { scheme, args }: { scheme: string; args: string[] }, seconds: number) {
    return new ProgramProcess('ffmpeg', [
      ...['-hide_banner', '-loglevel', 'error', ...toneInput(seconds), '-c:a', 'libmp3lame', '-b:a', '128k'],
      ...['-f', 'mp3', '-content_type', 'audio/mpeg', ...args],
      `${scheme}://source:${sourcePassword}@127.0.0.1:${edge.port}${mount}`,
    ]);
  }

  for (const [name, dialect] of Object.entries(dialects)) {
    test(`${name}: is heard as sent`, async () => {
      const mount = `/ffmpeg-${name}.mp3`;
      const encoder = encode(mount, dialect, 3);
      try {
        await connectedAt(mount);
        const listener = StreamClient.send({ port: ingest.httpPort, path: mount });
        await listener.raw.closed(15_000);
        assert.equal(await encoder.exited, 0, encoder.output);
        const tone = await judgeTone(listener.body);
        assert.ok(Math.abs(tone.hz - toneHz) < 1, `${tone.hz} Hz`);
        assert.ok(Math.abs(tone.seconds - 3) < 0.2, `${tone.seconds} s`);
      } finally {
        await encoder.stop();
      }
    });
  }

  test('one that is killed frees the mount', async () => {
    const encoder = encode('/killed.mp3', dialects.put, 60);
    try {
      await eventually('it is on air', () => isOnAir('/killed.mp3'));
    } finally {
      await encoder.stop('SIGKILL');
    }
    await free('/killed.mp3');
  });
});

test('curl, chunked and expecting 100', { skip: missingProgram('curl') }, async () => {
  const id = nextId++;
  const input = countingFrames(0, frameCount, format, id);
  const listener = StreamClient.send({ port: ingest.httpPort, path: '/curl.mp3' });
  const url = `http://127.0.0.1:${edge.port}/curl.mp3`;
  const said = [
    '-H',
    'Expect: 100-continue',
    '-H',
    'Content-Type: audio/mpeg',
    '-H',
    'Transfer-Encoding: chunked',
  ];
  const trace = await ProgramProcess.run(
    'curl',
    [
      '-sv',
      '--max-time',
      '20',
      '--expect100-timeout',
      '15',
      '-u',
      `source:${sourcePassword}`,
      ...said,
      '-T',
      '-',
      url,
    ],
    input,
  );
  listener.close();
  assert.match(trace, /< HTTP\/1\.1 100 Continue[\s\S]*< HTTP\/1\.1 200 OK/);
  const { mount, ip } = await connectedAt('/curl.mp3');
  assert.deepEqual([mount, ip], ['/curl.mp3', '127.0.0.1']);
  await free('/curl.mp3');
});

test('a source that comes by TLS is passed on in clear', { skip: missingProgram('openssl') }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'legacystream-splice-'));
  const files = { certificatePath: join(folder, 'cert.pem'), privateKeyPath: join(folder, 'key.pem') };
  const what = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=edge.test'];
  const made = spawnSync('openssl', [
    ...['req', '-x509', ...what, '-keyout', files.privateKeyPath, '-out', files.certificatePath],
  ]);
  assert.equal(made.status, 0, String(made.stderr));
  const secureEdge = await new Edge(ingest.url).listen();
  secureEdge.door.useTls(createTlsServer({ ...files, keyExchange: 'auto' }));
  try {
    for (const dialect of ['PUT+Expect', 'SHOUTcast v1'] as const) {
      const id = nextId++;
      const mount = `/tls-${id}.mp3`;
      const source = await CountingSource.start({
        port: secureEdge.port,
        tls: true,
        mount,
        id,
        dialect,
        silent: true,
      });
      source.sendAhead(frameCount);
      await expectHeard(mount, id);
      await source.end();
      await free(mount);
    }
  } finally {
    secureEdge.close();
    await rm(folder, { recursive: true, force: true });
  }
});

describe('ingests that are away', () => {
  async function closedPort(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    return port;
  }

  test('of several addresses one that answers is found', async () => {
    const away = await closedPort();
    const several = await new Edge(`http://127.0.0.1:${away}, http://localhost:${ingest.httpPort}`).listen();
    try {
      for (const id of [nextId++, nextId++, nextId++]) {
        const source = await CountingSource.start({ port: several.port, mount: `/found-${id}.mp3`, id });
        source.destroy();
      }
      assert.deepEqual([several.splice.stats.opened, several.splice.stats.refused], [3, 0]);
    } finally {
      several.close();
    }
  });

  test('an ingest that stops: its encoder is told at once, others 503, SHOUTcast not OK', async () => {
    const own = await startIngest();
    const lonely = await new Edge(own.url).listen();
    let source: CountingSource | undefined;
    try {
      source = await CountingSource.start({ port: lonely.port, mount: '/last.mp3', id: nextId++ });
      await own.stop('SIGKILL');
      await source.client.closed(2_000);
      for (const request of [
        head('SOURCE /a.mp3 HTTP/1.0', basicAuth()),
        head('PUT /a.mp3 HTTP/1.1', 'Host: x', 'Expect: 100-continue', basicAuth()),
      ]) {
        const answer = await RawClient.exchange(lonely.port, request);
        assert.match(answer, /^HTTP\/1\.1 503 Service Unavailable\r\nRetry-After: \d+\r\n/);
      }
      const answer = await RawClient.exchange(lonely.port, `${sourcePassword}\r\n`);
      assert.ok(answer.endsWith('\r\n'), answer);
      assert.doesNotMatch(answer, /OK/i);
      assert.equal(lonely.splice.stats.refused, 3);
      await eventually('nothing is open', () => lonely.splice.stats.open === 0);
    } finally {
      source?.destroy();
      lonely.close();
      await own.stop('SIGKILL');
    }
  });
});
