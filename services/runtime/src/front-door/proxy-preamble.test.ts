import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { IpRangeSet } from '@legacystream/core/auth/ip-range-set.ts';
import { encodeLocalProxyHeader, encodeProxyHeader } from '@legacystream/core/protocols/proxy-protocol.ts';
import { clientAddressOf } from '../client-address.ts';
import { type PreambleOutcome, ProxyPreamble, type ProxyRules } from './proxy-preamble.ts';

const header = encodeProxyHeader({
  source: { address: '198.51.100.7', port: 51234 },
  destination: { address: '203.0.113.1', port: 8000 },
  tls: true,
});
const line = 'PROXY TCP4 198.51.100.7 203.0.113.1 51234 8000\r\n';
const proxy = '127.0.0.2';
const stranger = '127.0.0.3';
const longMs = 10_000;

let server: Server;
const open = new Set<Socket>();

before(async () => {
  server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  for (const socket of open) socket.destroy();
  open.clear();
});

after(() => server.close());

type Arrival = { outcome: PreambleOutcome; socket: Socket; client: Socket; reason: string; ip: string };

/** What comes of a connection that sends these pieces, one after the other has been read. */
async function arrive(
  options: { from?: string; mode?: ProxyRules['mode']; timeoutMs?: number; ends?: boolean },
  ...pieces: (string | Uint8Array)[]
): Promise<Arrival> {
  const { from = proxy, mode = 'optional', timeoutMs = longMs, ends = false } = options;
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const { port } = server.address() as AddressInfo;
  const client = connect({ host: '127.0.0.1', port, localAddress: from, noDelay: true });
  client.on('error', () => {});
  open.add(client);
  const [socket] = await accepted;
  open.add(socket);
  let reason = '';
  const trusted = new IpRangeSet([`${proxy}/32`]);
  const onRefused = (_ip: string, why: string) => {
    reason = why;
  };
  const outcome = await new Promise<PreambleOutcome>((resolve) => {
    new ProxyPreamble(socket, { mode, trusted, onRefused }, timeoutMs, resolve).read();
    void (async () => {
      for (const piece of pieces) {
        const read = once(socket, 'data');
        client.write(piece);
        await read;
      }
      if (ends) client.end();
    })();
  });
  return { outcome, socket, client, reason, ip: clientAddressOf(socket).ip };
}

function restOf({ outcome }: Arrival): string {
  assert.ok(typeof outcome === 'object', JSON.stringify(outcome));
  return Buffer.from(outcome.rest).toString('latin1');
}

describe('of a trusted proxy', () => {
  for (const [name, bytes] of [
    ['version 1', Buffer.from(line)],
    ['version 2', header],
  ] as const) {
    test(`${name} names the client, and the bytes after it are given back`, async () => {
      const arrival = await arrive({}, Buffer.concat([bytes, Buffer.from('GET /')]));
      assert.deepEqual([restOf(arrival), arrival.ip], ['GET /', '198.51.100.7']);
      assert.equal(clientAddressOf(arrival.socket).secure, name === 'version 2');
      const received = once(arrival.socket, 'data');
      arrival.client.write('later');
      arrival.socket.resume();
      assert.equal(String((await received)[0]), 'later');
    });

    test(`${name} may come byte by byte`, async () => {
      const arrival = await arrive({ mode: 'required' }, ...[...bytes].map((byte) => Uint8Array.of(byte)));
      assert.deepEqual([restOf(arrival), arrival.ip], ['', '198.51.100.7']);
    });
  }

  test('a header that names nobody leaves the proxy as the peer', async () => {
    for (const bytes of [encodeLocalProxyHeader(), Buffer.from('PROXY UNKNOWN\r\n')]) {
      const arrival = await arrive({ mode: 'required' }, bytes);
      assert.deepEqual([restOf(arrival), arrival.ip], ['', proxy]);
    }
  });

  test('a connection without a header is taken where it is optional', async () => {
    const arrival = await arrive({}, 'P', 'UT /x');
    assert.deepEqual([restOf(arrival), arrival.ip], ['PUT /x', proxy]);
  });

  test('a connection without a header is refused where it is required', async () => {
    const { outcome, reason, socket } = await arrive({ mode: 'required' }, 'GET /');
    assert.deepEqual([outcome, reason, socket.destroyed], ['refused', 'it sent no PROXY header', true]);
  });

  test('a malformed header is refused', async () => {
    const { outcome, reason, socket } = await arrive({}, 'PROXY TCP4 nobody\r\n');
    assert.deepEqual([outcome, socket.destroyed], ['refused', true]);
    assert.equal(reason, 'its PROXY header is malformed: the line is not two addresses and two ports');
  });

  test('a header that does not end in time ends the connection', async () => {
    const { outcome, socket } = await arrive({ timeoutMs: 30 }, header.subarray(0, 20));
    assert.deepEqual([outcome, socket.destroyed], ['late', true]);
  });

  test('a connection that ends without a word is nobody’s fault', async () => {
    const { outcome, reason, socket } = await arrive({ mode: 'required', ends: true });
    assert.deepEqual([outcome, reason, socket.destroyed], ['gone', '', true]);
  });
});

test('a connection that was reset before it was accepted is nobody’s fault', async () => {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  open.add(client);
  const [socket] = await accepted;
  // What the system answers after a reset.
  Object.defineProperty(socket, 'remoteAddress', { value: undefined });
  const outcomes: PreambleOutcome[] = [];
  const onRefused = () => assert.fail('nobody is refused');
  const rules = { mode: 'required', trusted: new IpRangeSet([`${proxy}/32`]), onRefused } as const;
  new ProxyPreamble(socket, rules, longMs, (outcome) => outcomes.push(outcome)).read();
  assert.deepEqual([outcomes, socket.destroyed], [['gone'], true]);
});

describe('of anybody else', () => {
  test('a header is refused and never believed', async () => {
    for (const bytes of [header, line]) {
      const { outcome, reason, ip } = await arrive({ from: stranger }, bytes);
      assert.deepEqual([outcome, reason], ['refused', 'it sent a PROXY header and is no trusted proxy']);
      assert.notEqual(ip, '198.51.100.7');
    }
  });

  test('a connection without a header is taken where it is optional', async () => {
    const arrival = await arrive({ from: stranger }, 'GET /');
    assert.deepEqual([restOf(arrival), arrival.ip], ['GET /', stranger]);
  });

  test('nothing is even read where it is required', async () => {
    const { outcome, reason } = await arrive({ from: stranger, mode: 'required' });
    assert.deepEqual([outcome, reason], ['refused', 'it is no trusted proxy']);
  });
});
