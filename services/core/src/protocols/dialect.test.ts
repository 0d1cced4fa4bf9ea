import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Dialect, detectDialect, maxDialectBytes } from './dialect.ts';
import { maxFirstLineBytes } from './first-line.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const proxyV2 = '\r\n\r\n\0\r\nQUIT\n';

function expect(dialect: Dialect | 'need-more', ...inputs: string[]): void {
  for (const input of inputs) assert.equal(detectDialect(bytes(input)), dialect, JSON.stringify(input));
}

test('a TLS ClientHello is known by its first two bytes', () => {
  expect('need-more', '', '\x16');
  expect('tls', '\x16\x03', '\x16\x03\x01\x02\x00');
  expect('garbage', '\x16\x04');
});

test('the PROXY protocol is known by its signatures', () => {
  expect('need-more', 'PROXY', 'PROXY TCP', proxyV2.slice(0, 11));
  expect('proxy-v1', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n', 'PROXY TCP6 ', 'PROXY UNKNOWN\r\n');
  expect('proxy-v2', proxyV2, `${proxyV2}\x21\x11\0\x0c`);
  expect('shoutcast-v1', 'PROXY\n', 'PROXY secret\n');
});

test('Ultravox is known by its sync byte and the class of a broadcaster', () => {
  expect('need-more', 'Z', 'Z\0');
  expect('ultravox', 'Z\0\x10', 'Z\0\x10\x09\0\x032.1\0', 'Z\x08\x10\x01');
  expect('garbage', 'Z\0\x20\x01', 'Z\x08/');
});

test('a password may begin with the sync byte of Ultravox', () => {
  expect('need-more', 'Zeta', 'Z\r', 'Z\t');
  expect('shoutcast-v1', 'Zeta\n', 'Z\n', 'Z\r\n', 'Z\n\x10', 'Z\tsecret\n');
});

test('a line that ends in a protocol is a request, whatever its method', () => {
  expect(
    'http',
    'SOURCE /live.mp3 ICE/1.0\r\n',
    'BREW pot HTTP/1.0\n',
    'GET foo.mp3 HTTP/1.1  \r\r\n',
    'PRI * HTTP/2.0\r\n',
    'get /x http/1.1\n',
    'GET /caf\xe9?song="a b" HTTP/1.0\n',
  );
});

test('a known method and a target are a request before the line ends', () => {
  expect('need-more', 'G', 'GET', 'GET ', 'OPTIONS *', 'SOURCE http:/');
  expect(
    'http',
    'GET /',
    'SOURCE /',
    'OPTIONS * ',
    'GET http://h',
    `GET /${'x'.repeat(20_000)}`,
    'PUT /\n',
    'GET  /',
  );
});

test('a whole line of text that is no request is a password', () => {
  expect('need-more', 'hackme2', 'hackme2\r', 'hackme2\r\r', 'HTTP/1.1');
  expect(
    'shoutcast-v1',
    'hackme2\n',
    'hackme2\r\nicy-name:x\r\n\r\n',
    'hackme2\r\r\n',
    '!POKE\nicy-name:libshout server poke request\n\n',
    'GET\n',
    'GET it\n',
    'dj:pw:#2\n',
    '/live:pw\r\n',
    'p\xe4sswort\n',
    'HTTP/1.1\n',
    ' \n',
  );
});

test('up to four empty lines may come first', () => {
  expect('need-more', '\n', '\r\n\r\n', '\r\n\r\n\r\n\r\n', '\r');
  expect('http', '\r\nGET /', '\n\n\n\nGET / HTTP/1.1\n');
  expect('shoutcast-v1', '\r\r\n\r\npw\n');
  expect('garbage', '\n\n\n\n\n', '\r\n\r\n\r\n\r\n\r\nGET /', '\r\r\r\n', '\rx');
});

test('control characters are garbage at once', () => {
  expect('garbage', '\0', 'pass\x01', 'GET\0/', 'pw\rx', 'pw\x7f', '\r\n\x16\x03', `${proxyV2.slice(0, 5)}x`);
});

test('a line above the limit is garbage, at the limit it is not', () => {
  expect('shoutcast-v1', `${'x'.repeat(maxFirstLineBytes)}\n`);
  expect('http', `${'x'.repeat(maxFirstLineBytes - 9)} HTTP/1.0\n`);
  expect('need-more', 'x'.repeat(maxFirstLineBytes));
  expect('garbage', 'x'.repeat(maxFirstLineBytes + 1));
});

const piece = fc.constantFrom(
  'Z',
  '\0',
  '\x10',
  '\x16',
  '\x03',
  '\r',
  '\n',
  '\r\n',
  'PROXY',
  ' ',
  'TCP4',
  'UNKNOWN',
  'GET',
  'SOURCE',
  '/',
  '*',
  ' HTTP/1.1',
  ' ICE/1.0',
  'http://',
  'pw',
  ':',
  '\xe9',
  '\t',
  '!POKE',
  proxyV2,
);
const opening = fc.oneof(
  fc.array(piece, { maxLength: 8 }).map((pieces) => bytes(pieces.join(''))),
  fc.uint8Array({ maxLength: 40 }),
);

test('a decision never changes when more bytes come', () => {
  fc.assert(
    fc.property(opening, (input) => {
      let decision: Dialect | 'need-more' = 'need-more';
      for (let length = 0; length <= input.length; length++) {
        const next = detectDialect(input.subarray(0, length));
        if (decision !== 'need-more') assert.equal(next, decision);
        // What an earlier call has seen need not be looked at again.
        else if (length > 0) assert.equal(detectDialect(input.subarray(0, length), length - 1), next);
        decision = next;
      }
    }),
    { numRuns: 2000 },
  );
});

test('bytes that were waited on as a signature are still looked at as text', () => {
  const input = bytes(`${proxyV2.slice(0, 11)}x\n`);
  for (let examined = 0; examined < input.length; examined++) {
    if (detectDialect(input.subarray(0, examined)) !== 'need-more') continue;
    assert.equal(detectDialect(input, examined), 'garbage');
  }
});

test('a bounded number of bytes decides', () => {
  const start = fc.array(fc.constantFrom('\r\n', '\r\r\n', 'Z', 'GET ', 'PROXY ', 'pw', '\r'), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(start, fc.constantFrom('x', ' ', '\xff', '\t'), (pieces, filler) => {
      const input = bytes((pieces.join('') + filler.repeat(maxDialectBytes)).slice(0, maxDialectBytes));
      assert.notEqual(detectDialect(input), 'need-more');
    }),
  );
});
