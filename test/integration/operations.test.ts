/**
 * The server under the hands of an operator: signals, health and metrics, the two logs, and
 * disks that are full.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { countingFormats } from '../support/counting-frames.ts';
import { readCountingFrames } from '../support/counting-reader.ts';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { RawClient } from '../support/raw-client.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { statusOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';

const isRoot = process.getuid?.() === 0;
const closesWithinMs = 8_000;

const goOnAir = (server: ServerProcess, mount: string) =>
  CountingSource.start({ port: server.httpPort, mount, password: sourcePassword });

const listen = (server: ServerProcess, path: string, headers: readonly string[] = []) =>
  StreamClient.open({ port: server.httpPort, path, headers });

type Health = { readonly status: number; readonly body: string };

/** Asks the telemetry port on a connection that is kept, as probes do. */
function probe(server: ServerProcess, path: string, agent?: Agent): Promise<Health> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: server.telemetryPort, path, ...(agent && { agent }) };
    const asked = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.on('error', reject).end();
  });
}

/** A source goes on air and a listener hears it: the server does what it is for. */
async function assertOnAir(server: ServerProcess, mount = '/proof.mp3'): Promise<void> {
  const source = await goOnAir(server, mount);
  const listener = await listen(server, mount);
  const { gaps, tornBytes } = readCountingFrames(await listener.receive(20_000), countingFormats.mp3At128);
  assert.deepEqual([tornBytes, gaps], [0, []]);
  listener.close();
  await source.end();
}

describe('signals', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} closes sources and listeners on whole frames and exits 0`, async () => {
      const server = await ServerProcess.start();
      const source = await goOnAir(server, '/live.mp3');
      const listeners = await Promise.all([1, 2, 3].map(() => listen(server, '/live.mp3')));
      const waiting = StreamClient.send({ port: server.httpPort, path: '/' });
      await waiting.answer();
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      assert.equal((await probe(server, '/lbz', agent)).status, 200);
      await listeners[0]!.receive(40_000);

      const startedMs = performance.now();
      const exited = server.stop(signal);
      const seen: Health[] = [];
      // Until the port of the probes is closed, which is among the last.
      for (;;) {
        const health = await probe(server, '/lbz', agent).catch(() => undefined);
        if (!health) break;
        seen.push(health);
      }
      agent.destroy();
      const sent = source.nextNumber;
      assert.equal(await exited, 0);
      assert.ok(performance.now() - startedMs < closesWithinMs);
      const refused = seen.filter(({ status }) => status === 503);
      assert.ok(refused.length > 0, 'load balancers are told');
      assert.equal(refused[0]?.body, '{"status":"unavailable","reasons":["shutting down"]}\n');

      await source.closed;
      for (const listener of listeners) {
        await listener.raw.closed();
        const { frames, gaps, tornBytes, last } = readCountingFrames(listener.body, countingFormats.mp3At128);
        assert.equal(tornBytes, 0);
        assert.deepEqual(gaps, []);
        assert.equal((frames.at(-1)?.at ?? 0) + countingFormats.mp3At128.frameBytes, listener.body.length);
        assert.ok((last ?? 0) > sent - 60, 'up to the last');
      }
      await waiting.raw.closed();
      const last = server.lines.find((line) => line.event === 'source.disconnected');
      assert.equal(last?.['reason'], 'shutdown');
    });
  }

  test('/readyz and /livez stay 200 while it closes', async () => {
    const server = await ServerProcess.start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await probe(server, '/livez', agent);
    const exited = server.stop();
    const statuses = new Set<number>();
    for (let path = '/readyz'; ; path = path === '/readyz' ? '/livez' : '/readyz') {
      const health = await probe(server, path, agent).catch(() => undefined);
      if (!health) break;
      statuses.add(health.status);
    }
    agent.destroy();
    assert.equal(await exited, 0);
    assert.deepEqual([...statuses], [200]);
  });

  test('a second signal ends it at once with 1', async () => {
    const server = await ServerProcess.start();
    server.process.kill('SIGTERM');
    assert.equal(await server.stop('SIGINT'), 1);
  });

  test('SIGHUP goes on in new files after the old ones were renamed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'legacystream-logs-'));
    const accessLog = join(folder, 'access.log');
    const server = await ServerProcess.start({ set: [`log.accessLog=${accessLog}`] });
    try {
      await fetch(`${server.url}/before`);
      const logged = (text: string) => async () =>
        (await readFile(accessLog, 'utf8').catch(() => '')).includes(text);
      await eventually('the first line', logged('/before'));
      await rename(accessLog, `${accessLog}.1`);
      server.process.kill('SIGHUP');
      await eventually('a new file', async () => {
        await fetch(`${server.url}/after`);
        return logged('/after')();
      });
      assert.match(await readFile(`${accessLog}.1`, 'utf8'), /"GET \/before HTTP\/1\.1" 404/);
      await assertOnAir(server);
    } finally {
      await server.stop();
      await rm(folder, { recursive: true });
    }
  });
});

describe('the telemetry port', () => {
  test('answers health in JSON, metrics in Prometheus’ format, and nothing else', async () => {
    const server = await ServerProcess.start();
    const source = await goOnAir(server, '/live.mp3');
    const listener = await listen(server, '/live.mp3');
    try {
      for (const path of ['/livez', '/readyz', '/lbz', '/lbz?verbose']) {
        assert.deepEqual(await probe(server, path), { status: 200, body: '{"status":"ok","reasons":[]}\n' });
      }
      assert.equal((await probe(server, '/')).status, 404);
      await statusOf(server, '/live.mp3', ({ listeners }) => listeners === 1);
      const { body } = await probe(server, '/metrics');
      for (const line of body.trimEnd().split(/\n+/)) {
        assert.match(line, /^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{[^}]*\})? (?:[-+.\de]+|NaN|[+-]Inf))$/);
      }
      assert.match(body, /^legacystream_edge_listeners_active\{mount="\/live\.mp3"\} 1$/m);
      assert.match(body, /^legacystream_ingest_\w+ [1-9]/m);
      assert.match(body, /^process_resident_memory_bytes \d/m);
      for (const name of body.matchAll(/^# TYPE (legacystream_\w+) counter$/gm)) {
        assert.match(name[1] ?? '', /_total$/);
      }
      for (const path of ['/livez', '/metrics', '/readyz', '/lbz']) {
        assert.equal((await fetch(`${server.url}${path}`)).status, 404, `${path} is not for the public`);
      }
    } finally {
      listener.close();
      source.destroy();
      await server.stop();
    }
  });

  test('says when the server is full', async () => {
    const server = await ServerProcess.start({ set: ['server.maxConnections=3'] });
    const source = await goOnAir(server, '/live.mp3');
    const listeners = [await listen(server, '/live.mp3'), await listen(server, '/live.mp3')];
    try {
      const full = await eventually('it is full', async () => {
        const health = await probe(server, '/lbz');
        return health.status === 503 && health;
      });
      assert.match(full.body, /"full"/);
      assert.equal((await probe(server, '/readyz')).status, 200);
      listeners[0]?.close();
      await eventually('it has room', async () => (await probe(server, '/lbz')).status === 200);
    } finally {
      for (const listener of listeners) listener.close();
      source.destroy();
      await server.stop();
    }
  });
});

describe('logs', () => {
  /** Icecast's combined format: what royalty reports are made from. */
  const accessLine =
    /^(\S+) - (\S+) \[(\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000)\] "(\S+) (\S+) (\S+)" (\d{3}) (\d+) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)" (\d+)$/;

  test('the access log has one line a connection, whatever strangers send', async () => {
    const server = await ServerProcess.start();
    const source = await goOnAir(server, '/live.mp3');
    const agents = [
      'Plain/1.0',
      '" 200 1 "-" "forged" 9',
      'back\\slash"',
      'tab\there',
      'caf\xe9 \xc3\xa9',
      '%0a%0d %s%n {jndi:x}',
      'x'.repeat(5_000),
    ];
    const accessLog = join(server.folder, 'data', 'access.log');
    try {
      for (const agent of agents) {
        await RawClient.exchange(server.httpPort, `GET /none HTTP/1.0\r\nUser-Agent: ${agent}\r\n\r\n`);
      }
      await RawClient.exchange(
        server.httpPort,
        'GET /a"b\\c\xff HTTP/1.0\r\nReferer: http://r.example/"x\r\n\r\n',
      );
      await RawClient.exchange(server.httpPort, 'GET /admin.cgi?pass=guessed-Pw&mode=x HTTP/1.0\r\n\r\n');
      const login = Buffer.from('eve "x:y').toString('base64');
      const listener = await listen(server, '/live.mp3?a=1', [
        'User-Agent: Listener/1.0',
        'Referer: http://r.example/',
        `Authorization: Basic ${login}`,
      ]);
      await listener.receive(16_000 * 1.3, 5_000);
      await eventually('it listened for a second', () => listener.elapsedMs > 1_100);
      listener.close();
      const lines = await eventually('all lines', async () => {
        const text = await readFile(accessLog, 'utf8').catch(() => '');
        const all = text.trimEnd().split('\n');
        return text.includes('Listener/1.0') && all.length >= agents.length + 3 && all;
      });
      assert.equal(lines.length, agents.length + 3);
      const parsed = lines.map((line) => {
        const fields = accessLine.exec(line);
        assert.ok(fields, line);
        assert.match(line, /^[ -~]+$/);
        return fields;
      });
      assert.deepEqual(
        parsed.slice(0, 4).map((fields) => fields[10]),
        ['Plain/1.0', '\\" 200 1 \\"-\\" \\"forged\\" 9', 'back\\\\slash\\"', 'tab\\x09here'],
      );
      for (const fields of parsed.slice(0, agents.length)) {
        assert.deepEqual(fields.slice(4, 8), ['GET', '/none', 'HTTP/1.0', '404']);
      }
      assert.doesNotMatch(lines.join('\n'), /guessed-Pw/);
      const last = parsed.at(-1)!;
      assert.deepEqual(last.slice(1, 3), ['127.0.0.1', 'eve\\x20\\"x']);
      assert.deepEqual(last.slice(4, 8), ['GET', '/live.mp3?a=1', 'HTTP/1.1', '200']);
      assert.deepEqual(last.slice(9, 11), ['http://r.example/', 'Listener/1.0']);
      assert.ok(Number(last[8]) >= 16_000 && Number(last[11]) >= 1, lines.at(-1));
      const at = Date.parse((last[3] ?? '').replaceAll('/', ' ').replace(':', ' '));
      assert.ok(Math.abs(at - Date.now()) < 60_000, last[3]);
    } finally {
      source.destroy();
      await server.stop();
    }
  });

  test('every line of the server’s log is JSON with level, time, category and event', async () => {
    const server = await ServerProcess.start();
    const source = await goOnAir(server, '/live.mp3');
    await server.admin('/admin/metadata?mode=updinfo&mount=/live.mp3&song=%1b[2J%0a{"forged":1}');
    await fetch(`${server.url}/admin/stats`, { headers: { authorization: 'Basic eDp5' } });
    await RawClient.exchange(server.httpPort, 'SOURCE /x HTTP/1.0\r\nAuthorization: Basic eDp5\r\n\r\n');
    await source.end();
    await server.waitFor('source.disconnected');
    await server.stop();
    const lines = server.output.trimEnd().split('\n');
    assert.ok(lines.length >= 5);
    for (const line of lines) {
      const entry = JSON.parse(line) as Record<string, unknown>;
      assert.match(String(entry['level']), /^(?:info|warn|error)$/);
      assert.ok(!Number.isNaN(Date.parse(String(entry['time']))), line);
      assert.match(String(entry['category']), /^[a-z]+(?:\.[a-z]+)*$/);
      assert.match(String(entry['event']), /^[a-z_]+(?:\.[a-z_]+)+$/);
      assert.match(line, /^[^\u0000-\u001f\u007f]+$/);
    }
    assert.doesNotMatch(server.output, new RegExp(sourcePassword));
    const events = new Set(server.lines.map(({ event }) => event));
    for (const event of ['server.started', 'source.connected', 'title.changed', 'source.refused']) {
      assert.ok(events.has(event), event);
    }
  });
});

describe('a disk that takes nothing', () => {
  const noFull = existsSync('/dev/full') ? false : 'this system has no /dev/full';

  test('for the access log stops nothing', { skip: noFull }, async () => {
    const server = await ServerProcess.start({ set: ['log.accessLog=/dev/full'] });
    try {
      await assertOnAir(server, '/before.mp3');
      await server.waitFor('access_log.failed');
      await assertOnAir(server, '/after.mp3');
    } finally {
      assert.equal(await server.stop(), 0);
    }
  });

  const noMount = isRoot ? false : 'mounting a small disk needs root';
  test('for the data directory stops nothing', { skip: noMount }, async (t) => {
    const disk = await mkdtemp(join(tmpdir(), 'legacystream-disk-'));
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', disk]);
    if (mounted.status !== 0) {
      await rm(disk, { recursive: true });
      t.skip('this system does not let us mount a small disk');
      return;
    }
    try {
      const server = await ServerProcess.start({ set: [`server.dataDir=${disk}`] });
      try {
        await writeFile(join(disk, 'ballast'), Buffer.alloc(256 * 1024)).catch(() => {});
        for (let i = 0; i < 3; i += 1) await assertOnAir(server, `/full-${i}.mp3`);
        await server.waitFor('access_log.failed');
      } finally {
        assert.equal(await server.stop(), 0);
      }
    } finally {
      spawnSync('umount', [disk]);
      await rm(disk, { recursive: true });
    }
  });
});
