import assert from 'node:assert/strict';
import { isIP, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { IpRangeSet } from '@legacystream/core/auth/ip-range-set.ts';
import fc from 'fast-check';
import {
  type ClientAddress,
  canonicalAddress,
  clientAddressOf,
  forwardingFields,
  type HeaderFields,
  notePeer,
} from './client-address.ts';

const proxies = new IpRangeSet(['10.0.0.0/8', 'fd00::/8', '::ffff:192.0.2.0/120']);

/** All of a socket that is looked at here. */
function socketOf(remoteAddress: string | undefined, encrypted = false): Socket {
  return { remoteAddress, ...(encrypted && { encrypted }) } as unknown as Socket;
}

type Told = { readonly ip: string; readonly secure: boolean };

/** The client of a request with these fields, from a peer that is trusted if it is one of `proxies`. */
function client(remoteAddress: string, fields: Record<string, string>, told?: Told): ClientAddress {
  const socket = socketOf(remoteAddress);
  notePeer(socket, proxies, told);
  const byMap = clientAddressOf(socket, new Map(Object.entries(fields)));
  assert.deepEqual(clientAddressOf(socket, fields), byMap);
  return byMap;
}

const forwardedFor = (list: string, peer = '10.0.0.1') => client(peer, { 'x-forwarded-for': list }).ip;

test('an address has one spelling, that of IPv4 where it is one', () => {
  assert.equal(canonicalAddress('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(canonicalAddress('2001:db8::1'), '2001:db8::1');
  assert.equal(canonicalAddress(undefined), '0.0.0.0');
  assert.equal(forwardedFor('::ffff:c633:6407'), '198.51.100.7');
  assert.equal(forwardedFor('2001:DB8:0:0::7'), '2001:db8::7');
});

test('trusted are the addresses of the ranges and no others', () => {
  for (const ip of ['10.0.0.0', '10.255.255.255', 'fd12::1', '192.0.2.255'])
    assert.ok(proxies.contains(ip), ip);
  for (const ip of ['11.0.0.0', '9.255.255.255', 'fe80::1', '192.0.3.0', '0.0.0.0', '::a00:1', 'nobody', ''])
    assert.ok(!proxies.contains(ip), ip);
  assert.ok(!new IpRangeSet([]).contains('10.0.0.1'));
  assert.ok(!new IpRangeSet(['::/0']).contains('10.0.0.1'), 'a range of IPv6 is not one of IPv4');
  assert.ok(new IpRangeSet(['fe80::/10']).contains('fe80::1%eth0'));
});

test('nobody but a trusted proxy is believed', () => {
  const forged = {
    host: 'radio.test',
    'x-forwarded-for': '203.0.113.9',
    'x-real-ip': '203.0.113.9',
    forwarded: 'for=203.0.113.9;proto=https;host=evil.test',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil.test',
  };
  const itself = { ip: '198.51.100.1', secure: false, host: 'radio.test' };
  assert.deepEqual(client('198.51.100.1', forged), itself);
  assert.deepEqual(client('::ffff:198.51.100.1', forged), itself);
  const unnoted = clientAddressOf(socketOf('10.0.0.1'), new Map(Object.entries(forged)));
  assert.equal(unnoted.ip, '10.0.0.1');
  // What the PROXY protocol told is the peer, and the proxy that told it is out of the picture.
  assert.deepEqual(client('10.0.0.1', forged, { ip: '198.51.100.1', secure: false }), itself);
});

describe('X-Forwarded-For', () => {
  test('the first address from the right that is no proxy', () => {
    assert.equal(forwardedFor('198.51.100.7'), '198.51.100.7');
    assert.equal(forwardedFor('203.0.113.66, 198.51.100.7'), '198.51.100.7');
    assert.equal(forwardedFor('203.0.113.66,198.51.100.7 ,\t10.9.9.9, fd00::5'), '198.51.100.7');
    assert.equal(forwardedFor('10.0.0.7, 10.0.0.8'), '10.0.0.7', 'proxies only: the farthest of them');
    assert.equal(forwardedFor('198.51.100.7', '::ffff:10.0.0.1'), '198.51.100.7');
  });

  test('with a port, as some proxies write it', () => {
    assert.equal(forwardedFor('198.51.100.7:51234'), '198.51.100.7');
    assert.equal(forwardedFor('[2001:db8::7]:51234'), '2001:db8::7');
    assert.equal(forwardedFor('[2001:db8::7]'), '2001:db8::7');
  });

  test('what is no address ends the way back', () => {
    for (const odd of [
      'unknown',
      '_hidden',
      '',
      '1.2.3',
      '198.51.100.7;',
      '"198.51.100.7"',
      '[198.51.100.7',
      'x'.repeat(99),
    ])
      assert.equal(forwardedFor(`203.0.113.66, ${odd}, 10.0.0.8`), '10.0.0.8', odd);
    assert.equal(forwardedFor('203.0.113.66, unknown'), '10.0.0.1');
  });

  test('a chain is followed a bounded way', () => {
    const chain = Array.from({ length: 1000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    assert.equal(forwardedFor(['198.51.100.7', ...chain].join(',')), chain.at(-32));
    assert.equal(forwardedFor(['198.51.100.7', ...chain.slice(0, 31)].join(',')), '198.51.100.7');
  });

  test('goes before other headers, which the proxy may have passed on as they came', () => {
    const fields = {
      'x-forwarded-for': '198.51.100.7',
      forwarded: 'for=203.0.113.9',
      'x-real-ip': '203.0.113.9',
    };
    assert.equal(client('10.0.0.1', fields).ip, '198.51.100.7');
  });
});

test('X-Real-IP where nothing else is', () => {
  assert.equal(client('10.0.0.1', { 'x-real-ip': '198.51.100.7' }).ip, '198.51.100.7');
  assert.equal(client('10.0.0.1', { 'x-real-ip': '198.51.100.7, 1.2.3.4' }).ip, '10.0.0.1');
  assert.equal(client('10.0.0.1', {}).ip, '10.0.0.1');
});

describe('Forwarded', () => {
  const forwarded = (text: string) => client('10.0.0.1', { forwarded: text, host: 'inner' });

  test('as RFC 7239 writes it', () => {
    assert.equal(forwarded('for=198.51.100.7;proto=http;by=10.0.0.1').ip, '198.51.100.7');
    assert.equal(forwarded('For="[2001:db8:cafe::17]:4711"').ip, '2001:db8:cafe::17');
    assert.equal(forwarded('for="198.51.100.7:99"').ip, '198.51.100.7');
    assert.equal(
      forwarded('for=203.0.113.66, for=198.51.100.7 ; x="a,\\";for=1" ,for=10.2.3.4').ip,
      '198.51.100.7',
    );
    assert.equal(forwarded('for=198.51.100.7, for=unknown').ip, '10.0.0.1');
    assert.equal(
      forwarded('for=198.51.100.7, proto=https').ip,
      '10.0.0.1',
      'a proxy that does not say for whom',
    );
    const { secure, host } = forwarded(
      'for=198.51.100.7;proto=HTTPS;host="radio.test:8443", for=10.0.0.2;proto=http',
    );
    assert.deepEqual([secure, host], [true, 'radio.test:8443']);
  });

  test('malformed, none of it counts: a quote left open would hide what the proxy added', () => {
    for (const text of [
      'for="1.2.3.4, for=198.51.100.7',
      'for=1.2.3.4;x="a, for="[2001:db8::1]"',
      'for',
      'for=a b',
      '=',
      'for=[::1]x"',
    ])
      assert.equal(forwarded(text).ip, '10.0.0.1', text);
  });

  test('takes no time that grows faster than it does', () => {
    const started = performance.now();
    for (const text of [
      ' '.repeat(60_000),
      `for=${'a'.repeat(60_000)}"`,
      `x="${'\\a'.repeat(30_000)}`,
      ';'.repeat(60_000),
    ])
      assert.equal(forwarded(text).ip, '10.0.0.1');
    assert.ok(performance.now() - started < 1000);
  });
});

describe('scheme and host', () => {
  const links = (fields: Record<string, string>, told?: Told) => {
    const { secure, host } = client('10.0.0.1', { host: 'inner:8000', ...fields }, told);
    return `${secure ? 'https' : 'http'}://${host}`;
  };

  test('are what the proxy says of the client', () => {
    assert.equal(links({}), 'http://inner:8000');
    assert.equal(
      links({ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'radio.test' }),
      'https://radio.test',
    );
    const through = { 'x-forwarded-for': '203.0.113.66, 198.51.100.7, 10.0.0.2' };
    const lists = {
      'x-forwarded-proto': 'gopher, https, http',
      'x-forwarded-host': 'evil.test, radio.test, lb',
    };
    assert.equal(links({ ...through, ...lists }), 'https://radio.test');
    assert.equal(links({ ...through, 'x-forwarded-proto': 'https' }), 'https://inner:8000');
    assert.equal(links({ 'x-forwarded-proto': 'gopher' }), 'http://inner:8000');
  });

  test('TLS to us counts, unless the proxy says that the client had none', () => {
    const socket = socketOf('10.0.0.1', true);
    notePeer(socket, proxies);
    assert.equal(clientAddressOf(socket).secure, true);
    assert.equal(clientAddressOf(socket, { 'x-forwarded-proto': 'http' }).secure, false);
    assert.equal(
      clientAddressOf(socketOf('198.51.100.1', true), { 'x-forwarded-proto': 'http' }).secure,
      true,
    );
  });

  test('TLS to a proxy that speaks the PROXY protocol counts', () => {
    assert.equal(links({}, { ip: '198.51.100.1', secure: true }), 'https://inner:8000');
  });
});

test('the PROXY protocol may name a proxy, which then may name the client', () => {
  const { ip } = client('10.0.0.1', { 'x-forwarded-for': '198.51.100.7' }, { ip: '10.7.7.7', secure: false });
  assert.equal(ip, '198.51.100.7');
});

test('a header that a proxy writes below the client’s own counts as its continuation', () => {
  const head = [
    'GET / HTTP/1.1',
    'X-Forwarded-For: 203.0.113.66',
    'Host: inner',
    'X-Forwarded-Proto: http',
    'x-forwarded-for:198.51.100.7',
    'X-Forwarded-Proto:https',
    'X-Real-IP: 203.0.113.66',
    'X-Real-IP: 198.51.100.7',
  ];
  const bytes = Buffer.from(`${head.join('\r\n')}\r\n\r\n`);
  const first = new Map([
    ['x-forwarded-for', '203.0.113.66'],
    ['host', 'inner'],
    ['x-real-ip', '203.0.113.66'],
  ]);
  const socket = socketOf('10.0.0.1');
  notePeer(socket, proxies);
  const fields = forwardingFields(socket, bytes, first);
  assert.deepEqual(clientAddressOf(socket, fields), { ip: '198.51.100.7', secure: true, host: 'inner' });
  assert.equal((fields as ReadonlyMap<string, string>).get('x-real-ip'), '198.51.100.7');
  assert.equal(forwardingFields(socketOf('198.51.100.1'), bytes, first), first, 'not read for anybody else');
});

test('whatever the headers say, the client is an address, and the peer’s own where nobody is trusted', () => {
  const piece = fc.constantFrom(
    '10.0.0.2',
    '198.51.100.7',
    '::1',
    'unknown',
    ',',
    ';',
    '"',
    '=',
    'for',
    '[',
    ']',
    ' ',
    ':80',
    '\\',
    'é',
  );
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
  const fields = fc.record(
    {
      'x-forwarded-for': text,
      forwarded: text,
      'x-real-ip': text,
      'x-forwarded-proto': text,
      'x-forwarded-host': text,
    },
    { requiredKeys: [], noNullPrototype: true },
  );
  fc.assert(
    fc.property(fields, (given) => {
      const { ip } = client('10.0.0.1', given as Record<string, string>);
      assert.ok(isIP(ip) > 0, ip);
      assert.equal(client('198.51.100.1', given as Record<string, string>).ip, '198.51.100.1');
    }),
    { seed: 20261122, numRuns: 2000 },
  );
});

test('fields that node:http gives as lists are read as well', () => {
  const socket = socketOf('10.0.0.1');
  notePeer(socket, proxies);
  const fields: HeaderFields = { 'x-forwarded-for': ['203.0.113.66', '198.51.100.7'] };
  assert.equal(clientAddressOf(socket, fields).ip, '198.51.100.7');
});
