import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from './crc32c.ts';
import {
  encodeLocalProxyHeader,
  encodeProxyHeader,
  maxProxyHeaderBytes,
  type ProxyHeader,
  ProxyProtocolParser,
  type ProxyProtocolResult,
} from './proxy-protocol.ts';

const seed = 20261122;
const signature = '0d0a0d0a000d0a515549540a';
const bytes = (text: string) => Buffer.from(text, 'latin1');
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Feeds the pieces until the parser has decided; `rest` is then what follows the header in all of them. */
function read(pieces: readonly Uint8Array[]): ProxyProtocolResult {
  const parser = new ProxyProtocolParser();
  for (const [index, piece] of pieces.entries()) {
    const result = parser.push(piece);
    if (result.type === 'need-more') continue;
    if (result.type === 'malformed') return result;
    return { ...result, rest: Buffer.concat([result.rest, ...pieces.slice(index + 1)]) };
  }
  return { type: 'need-more' };
}

const byteByByte = (input: Uint8Array) => [...input].map((byte) => Uint8Array.of(byte));

/** The header of an input that is to give the same however it is cut, and nothing before its last byte. */
function headerIn(input: Uint8Array): ProxyHeader {
  const whole = read([Buffer.concat([input, bytes('GET / ')])]);
  assert.ok(whole.type === 'header', JSON.stringify(whole));
  assert.equal(Buffer.from(whole.rest).toString('latin1'), 'GET / ');
  assert.deepEqual(read([...byteByByte(input), bytes('GET / ')]), whole);
  assert.deepEqual(read([input.subarray(0, -1)]), { type: 'need-more' });
  return whole.header;
}

function reasonIn(input: Uint8Array): string {
  const whole = read([input]);
  assert.ok(whole.type === 'malformed', JSON.stringify(whole));
  assert.deepEqual(read(byteByByte(input)), whole);
  return whole.reason;
}

/** A version 2 header of a command, a family and what follows. */
function binary(versionAndCommand: number, family: number, body: Uint8Array): Buffer {
  const head = [versionAndCommand, family, body.byteLength >> 8, body.byteLength & 0xff];
  return Buffer.concat([hex(signature), Uint8Array.from(head), body]);
}

const v4Body = hex('c0000207 cb007101 c822 1f40');
const tlv = (type: number, value: Uint8Array) =>
  Buffer.concat([Uint8Array.of(type, value.byteLength >> 8, value.byteLength & 0xff), value]);

describe('version 1', () => {
  test('addresses and ports of IPv4 and IPv6', () => {
    assert.deepEqual(headerIn(bytes('PROXY TCP4 192.0.2.7 203.0.113.1 51234 8000\r\n')), {
      version: 1,
      command: 'proxy',
      source: { address: '192.0.2.7', port: 51234 },
      destination: { address: '203.0.113.1', port: 8000 },
      tls: undefined,
      tlvs: [],
    });
    const { source, destination } = headerIn(bytes('PROXY TCP6 2001:DB8:0::7 ::ffff:192.0.2.1 0 65535\r\n'));
    assert.deepEqual(source, { address: '2001:db8::7', port: 0 });
    assert.deepEqual(destination, { address: '192.0.2.1', port: 65535 });
  });

  test('the longest line there can be', () => {
    const ip = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
    assert.ok(headerIn(bytes(`PROXY TCP6 ${ip} ${ip} 65535 65535\r\n`)).source);
    const unknown = headerIn(bytes(`PROXY UNKNOWN ${ip} ${ip} 65535 65535\r\n`));
    assert.equal(unknown.source, undefined);
  });

  test('a proxy that does not know says so', () => {
    for (const line of ['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN what ever\r\n'])
      assert.equal(headerIn(bytes(line)).source, undefined);
  });

  test('anything else is malformed, and says why', () => {
    const not = 'the line is not two addresses and two ports';
    const reasons: Record<string, string> = {
      'PROXY TCP4 192.0.2.7 203.0.113.1 51234 8000\n': 'the line does not end in CR LF',
      'PROXY UNKNOWNS\r\n': 'the line names no known family',
      'PROXY TCP4 192.0.2.7 203.0.113.1 51234\r\n': not,
      'PROXY TCP4 192.0.2.7 203.0.113.1 51234 8000 \r\n': not,
      'PROXY TCP4  192.0.2.7 203.0.113.1 51234 8000\r\n': not,
      'PROXY TCP4 192.0.2.7 203.0.113.1 051234 8000\r\n': not,
      'PROXY TCP4 192.0.2.7 203.0.113.1 65536 8000\r\n': not,
      'PROXY TCP4 192.0.2.7 203.0.113.1 +1 8000\r\n': not,
      'PROXY TCP4 192.0.2.7 203.0.113.1 \r 8000\r\n': not,
      'PROXY TCP4 192.0.2 203.0.113.1 1 8000\r\n': not,
      'PROXY TCP4 ::1 203.0.113.1 1 8000\r\n': not,
      'PROXY TCP6 192.0.2.7 ::1 1 8000\r\n': not,
      'PROXY TCP6 fe80::1%eth0 ::1 1 8000\r\n': not,
    };
    for (const [line, reason] of Object.entries(reasons)) assert.equal(reasonIn(bytes(line)), reason, line);
    assert.equal(reasonIn(bytes(`PROXY UNKNOWN ${'x'.repeat(93)}\r\n`)), 'no line end in 107 bytes');
  });
});

describe('version 2', () => {
  test('the header that HAProxy sends, with its checksum', () => {
    const { source, destination, version, command } = headerIn(
      hex(
        `${signature} 21 11 0013 7f000001 7f000001 ce9e 25e6 03 0004 ${checksumOf('7f0000017f000001ce9e25e6')}`,
      ),
    );
    assert.deepEqual([version, command], [2, 'proxy']);
    assert.deepEqual(source, { address: '127.0.0.1', port: 0xce9e });
    assert.deepEqual(destination, { address: '127.0.0.1', port: 0x25e6 });
  });

  test('IPv6, and IPv4 wrapped in it', () => {
    const { source, destination } = headerIn(
      binary(0x21, 0x21, hex(`20010db8${'00'.repeat(11)}07 ${'00'.repeat(10)}ffffc0000201 0001 ffff`)),
    );
    assert.deepEqual(source, { address: '2001:db8::7', port: 1 });
    assert.deepEqual(destination, { address: '192.0.2.1', port: 0xffff });
  });

  test('a proxy that speaks for itself names nobody, whatever follows', () => {
    for (const input of [binary(0x20, 0, Buffer.alloc(0)), binary(0x20, 0xff, hex('03 0004 00000000'))]) {
      const header = headerIn(input);
      assert.deepEqual([header.command, header.source], ['local', undefined]);
    }
  });

  test('families that say nothing of a TCP client are passed over', () => {
    for (const family of [0x00, 0x01, 0x12, 0x22, 0x10, 0x32])
      assert.equal(headerIn(binary(0x21, family, v4Body)).source, undefined);
    const unix = headerIn(
      binary(0x21, 0x31, Buffer.concat([Buffer.alloc(216, 0x2f), tlv(0xe1, bytes('x'))])),
    );
    assert.deepEqual([unix.source, unix.tlvs.length], [undefined, 1]);
  });

  test('extensions are kept, and the one of TLS tells whether it was spoken', () => {
    const own = tlv(0xe0, bytes('pod-3'));
    const input = (client: number) =>
      binary(
        0x21,
        0x11,
        Buffer.concat([v4Body, own, tlv(0x20, Uint8Array.of(client, 0, 0, 0, 1)), tlv(4, hex(''))]),
      );
    const header = headerIn(input(5));
    assert.equal(header.tls, true);
    assert.deepEqual(header.tlvs[0], { type: 0xe0, value: new Uint8Array(bytes('pod-3')) });
    assert.deepEqual(
      header.tlvs.map(({ type }) => type),
      [0xe0, 0x20, 4],
    );
    assert.equal(headerIn(input(2)).tls, false);
    assert.equal(headerIn(binary(0x21, 0x11, v4Body)).tls, undefined);
  });

  test('anything else is malformed, and says why', () => {
    const withTlvs = (...tlvs: Uint8Array[]) => binary(0x21, 0x11, Buffer.concat([v4Body, ...tlvs]));
    const checksum = tlv(3, hex('00000000'));
    const inputs: readonly (readonly [Uint8Array, string])[] = [
      [binary(0x11, 0x11, v4Body), 'the version is not 2'],
      [binary(0x22, 0x11, v4Body), 'the command is neither LOCAL nor PROXY'],
      [binary(0x21, 0x41, v4Body), 'the address family or transport is unknown'],
      [binary(0x21, 0x13, v4Body), 'the address family or transport is unknown'],
      [binary(0x21, 0x11, v4Body.subarray(1)), 'the header is too short for its addresses'],
      [binary(0x21, 0x21, v4Body), 'the header is too short for its addresses'],
      [binary(0x21, 0x31, v4Body), 'the header is too short for its addresses'],
      [withTlvs(hex('e0 00')), 'an extension is cut off'],
      [withTlvs(hex('e0 0002 00')), 'an extension is longer than the header'],
      [withTlvs(hex('03 0003 000000')), 'the checksum is not four bytes, once'],
      [withTlvs(checksum), 'the checksum is wrong'],
      [withTlvs(checksum, checksum), 'the checksum is not four bytes, once'],
      [withTlvs(tlv(0x20, hex('01000000'))), 'the TLS extension is too short'],
      [hex(`${signature} 21 11 0ff1`), `the header is longer than ${maxProxyHeaderBytes} bytes`],
    ];
    for (const [input, reason] of inputs) assert.equal(reasonIn(input), reason);
  });

  test('the longest header that is read', () => {
    const fill = maxProxyHeaderBytes - 16 - v4Body.byteLength - 3;
    assert.ok(headerIn(binary(0x21, 0x11, Buffer.concat([v4Body, tlv(0xe0, Buffer.alloc(fill))]))).source);
  });
});

test('a connection that begins with anything else loses no byte', () => {
  const inputs = [
    'GET / HTTP/1.1\r\n',
    'PUT /x',
    'P\r\n',
    'PROXY party\r\n',
    'PROXY TCP5 ',
    '\r\n\r\nGET /',
    '\x16\x03',
    '\0',
  ];
  for (const input of inputs) {
    for (const pieces of [[bytes(input)], byteByByte(bytes(input))]) {
      const result = read(pieces);
      assert.ok(result.type === 'absent', input);
      assert.equal(Buffer.from(result.rest).toString('latin1'), input);
    }
  }
});

describe('what is sent', () => {
  const destination = { address: '203.0.113.1', port: 8000 };

  test('is read again, with a checksum that a single flipped bit betrays', () => {
    fc.assert(
      fc.property(
        fc.ipV4(),
        fc.oneof(fc.ipV4(), fc.ipV6()),
        fc.integer({ min: 0, max: 0xffff }),
        fc.option(fc.boolean(), { nil: undefined }),
        fc.array(
          fc.record(
            { type: fc.integer({ min: 0xe0, max: 0xef }), value: fc.uint8Array({ maxLength: 40 }) },
            { noNullPrototype: true },
          ),
        ),
        fc.nat(),
        (sourceIp, destinationIp, port, tls, tlvs, where) => {
          const source = { address: sourceIp, port };
          const sent = encodeProxyHeader({
            source,
            destination: { address: destinationIp, port: 1 },
            tlvs,
            ...(tls !== undefined && { tls }),
          });
          const header = headerIn(sent);
          assert.deepEqual(header.source, source);
          assert.equal(header.tls, tls ? true : undefined);
          assert.deepEqual(
            header.tlvs.filter(({ type }) => type >= 0xe0),
            tlvs,
          );
          const flipped = Uint8Array.from(sent);
          // Without its own type and length there is no checksum that could be wrong.
          const at = 16 + (where % (sent.byteLength - 16));
          const checksumAt = 16 + (sent[13] === 0x11 ? 12 : 36);
          if (at >= checksumAt && at < checksumAt + 3) return;
          flipped[at]! ^= 1 << (where % 8);
          assert.notEqual(read([flipped]).type, 'header');
        },
      ),
      { seed, numRuns: 300 },
    );
  });

  test('is IPv6 on both sides as soon as one is', () => {
    const sent = encodeProxyHeader({ source: { address: '2001:db8::1', port: 1 }, destination });
    assert.equal(sent[13], 0x21);
    assert.deepEqual(headerIn(sent).destination, destination);
  });

  test('by a proxy for itself is what HAProxy sends to check health', () => {
    assert.deepEqual(Buffer.from(encodeLocalProxyHeader()), hex(`${signature} 20 00 0000`));
  });

  test('has to make sense', () => {
    const source = { address: '192.0.2.7', port: 1 };
    const code = { code: 'LS_PARAMETER_INVALID' };
    const refused = (header: Parameters<typeof encodeProxyHeader>[0]) =>
      assert.throws(() => encodeProxyHeader(header), code);
    refused({ source: { address: 'radio.example', port: 1 }, destination });
    refused({ source: { address: '192.0.2.7', port: 65536 }, destination });
    refused({ source: { address: '192.0.2.7', port: 1.5 }, destination });
    refused({ source, destination, tlvs: [{ type: 0x20, value: Buffer.alloc(5) }] });
    refused({ source, destination, tlvs: [{ type: 0xe0, value: Buffer.alloc(maxProxyHeaderBytes) }] });
    refused({ source, destination, tlvs: [{ type: 0xe0, value: Buffer.alloc(0x1_0000) }] });
  });
});

describe('whatever a stranger sends', () => {
  const start = fc.constantFrom(
    hex(signature),
    bytes('PROXY TCP4 '),
    bytes('PROXY TCP6 '),
    bytes('PROXY UNKNOWN'),
  );
  const valid = fc
    .record({ tls: fc.boolean(), value: fc.uint8Array({ maxLength: 60 }) })
    .map(({ tls, value }) =>
      encodeProxyHeader({
        source: { address: '192.0.2.7', port: 1 },
        destination: { address: '::1', port: 2 },
        tls,
        tlvs: [{ type: 0xe0, value }],
      }),
    );
  const changed = fc
    .tuple(
      valid,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      fc.uint8Array({ maxLength: 9 }),
    )
    .map(([header, changes, after]) => {
      const input = Buffer.from(header);
      for (const [at, byte] of changes) input[at % input.byteLength] = byte;
      return Buffer.concat([input, after]);
    });
  const started = fc
    .tuple(start, fc.uint8Array({ maxLength: 5000 }))
    .map(([begin, more]) => Buffer.concat([begin, more]));
  const versioned = fc
    .tuple(fc.constantFrom(0x20, 0x21), fc.nat(255), fc.uint8Array({ maxLength: 300 }))
    .map(([command, family, body]) => binary(command, family, body));
  const anything = fc.oneof(fc.uint8Array({ maxLength: 200 }), started, changed, versioned);
  const cuts = fc.array(fc.nat(5000), { maxLength: 6 });

  test('never throws, waits within its bound, and means the same however it is cut', () => {
    fc.assert(
      fc.property(anything, cuts, (input, at) => {
        const places = [
          0,
          ...at.filter((place) => place < input.byteLength).sort((a, b) => a - b),
          input.byteLength,
        ];
        const pieces = places.slice(1).map((place, i) => input.subarray(places[i], place));
        const whole = read([input]);
        assert.deepEqual(plain(read(pieces)), plain(whole));
        if (whole.type === 'need-more') assert.ok(input.byteLength < maxProxyHeaderBytes);
        if (whole.type === 'absent') assert.deepEqual([...whole.rest], [...input]);
        if (whole.type !== 'header') return;
        const headerBytes = input.byteLength - whole.rest.byteLength;
        assert.ok(headerBytes <= maxProxyHeaderBytes);
        // What follows a header has no say in what it means, and no byte of it is taken.
        assert.deepEqual(plain(read([input.subarray(0, headerBytes)])), { ...plain(whole), rest: '' });
        assert.deepEqual(read([input.subarray(0, headerBytes - 1)]), { type: 'need-more' });
      }),
      { seed, numRuns: 3000 },
    );
  });

  /** The result with bytes as text, so that kinds of arrays do not differ. */
  function plain(result: ProxyProtocolResult): object {
    return 'rest' in result ? { ...result, rest: Buffer.from(result.rest).toString('hex') } : result;
  }
});

/** Of a PROXY header over IPv4 with these addresses and ports and nothing but the checksum after them. */
function checksumOf(addresses: string): string {
  const header = hex(`${signature} 21 11 0013 ${addresses} 03 0004 00000000`);
  return crc32c(header).toString(16).padStart(8, '0');
}
