import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ErrorCode, LegacyStreamError } from '../errors.ts';
import { type HeadLimits, type RequestHead, RequestHeadParser } from './request-head.ts';

const limits: HeadLimits = { maxBytes: 4096, maxLines: 20, maxTargetBytes: 200 };
const bytes = (text: string) => Buffer.from(text, 'latin1');

/** Everything there is to compare: the head and what follows it, or the code of the error. */
function readAll(chunks: readonly Uint8Array[], using = limits): unknown {
  const parser = new RequestHeadParser(using);
  try {
    for (const [index, chunk] of chunks.entries()) {
      const result = parser.push(chunk);
      if (!result.done) continue;
      const rest = Buffer.concat([result.rest, ...chunks.slice(index + 1)]).toString('latin1');
      return { ...result.head, headers: [...result.head.headers], rest };
    }
    return 'not done';
  } catch (error) {
    if (error instanceof LegacyStreamError) return error.code;
    throw error;
  }
}

function headOf(text: string, using = limits): RequestHead {
  const result = new RequestHeadParser(using).push(bytes(text));
  assert.ok(result.done, JSON.stringify(text));
  return result.head;
}

function refused(code: ErrorCode, ...texts: string[]): void {
  for (const text of texts) assert.equal(readAll([bytes(text)]), code, JSON.stringify(text));
}

test('a request of ffmpeg is read and its first audio kept', () => {
  const head = 'PUT /live.mp3 HTTP/1.1\r\nHost: h:8000\r\nIce-Name: One\r\nExpect: 100-continue\r\n\r\n';
  assert.deepEqual(readAll([bytes(`${head}ID3\n\n`)]), {
    method: 'PUT',
    target: '/live.mp3',
    protocol: 'HTTP/1.1',
    headers: [
      ['host', 'h:8000'],
      ['ice-name', 'One'],
      ['expect', '100-continue'],
    ],
    rest: 'ID3\n\n',
  });
});

test('line ends of all kinds may be mixed, as darkice does', () => {
  for (const text of [
    'SOURCE /a ICE/1.0\nContent-type: audio/mpeg\r\n\r\n',
    'SOURCE /a ICE/1.0\r\r\nContent-type: audio/mpeg\r\r\n\r\n',
    'SOURCE /a ICE/1.0\nContent-type:audio/mpeg\t\n\n',
    '\r\n\nSOURCE /a ICE/1.0  \r\nContent-type:  audio/mpeg\n\r\r\n',
  ]) {
    const head = headOf(text);
    assert.deepEqual(
      [head.target, head.protocol, [...head.headers]],
      ['/a', 'ICE/1.0', [['content-type', 'audio/mpeg']]],
    );
  }
});

test('8-bit bytes and quotes in targets and values are kept as Latin-1', () => {
  const head = headOf('GET /\xc3\xa0 HTTP/1.0\nIce-Name: caf\xe9\xa0"\'\n\n');
  assert.equal(head.target, '/\xc3\xa0');
  assert.equal(head.headers.get('ice-name'), 'caf\xe9\xa0"\'');
  assert.equal(headOf('GET /x?y=\xc3\xa0 HTTP/1.0\n\n').target, '/x?y=\xc3\xa0');
});

test('raw spaces pass in the queries of title updates and nowhere else', () => {
  assert.equal(
    headOf('GET /admin.cgi?pass=p&mode=updinfo&song=It\'s a "song" HTTP/1.0\n\n').target,
    '/admin.cgi?pass=p&mode=updinfo&song=It\'s a "song"',
  );
  assert.equal(headOf('GET /admin/metadata?song=a  b HTTP/1.1\n\n').target, '/admin/metadata?song=a  b');
  refused(
    'LS_HEAD_MALFORMED',
    'GET /live.mp3?a b HTTP/1.1\n\n',
    'GET /admin x?y HTTP/1.1\n\n',
    'GET /administrator?a b HTTP/1.1\n\n',
  );
  refused('LS_HEAD_MALFORMED', 'GET /x HTTP/1.1 HTTP/1.1\n\n');
});

test('an absolute target is reduced to its path and query', () => {
  assert.equal(headOf('GET http://example.org:8000/a?b HTTP/1.1\n\n').target, '/a?b');
  assert.equal(headOf('GET HTTPS://example.org HTTP/1.1\n\n').target, '/');
  assert.equal(headOf('GET http://example.org?b HTTP/1.1\n\n').target, '/?b');
});

test('the asterisk is a target of OPTIONS alone', () => {
  assert.equal(headOf('OPTIONS * HTTP/1.1\n\n').target, '*');
  refused('LS_HEAD_MALFORMED', 'GET * HTTP/1.1\n\n');
});

test('of a repeated header the first counts, names in any case', () => {
  const { headers } = headOf('GET / HTTP/1.1\nX-A: 1\nx-a: 2\n__proto__: 3\n\n');
  assert.deepEqual(
    [...headers],
    [
      ['x-a', '1'],
      ['__proto__', '3'],
    ],
  );
});

test('request lines that are none are malformed', () => {
  refused(
    'LS_HEAD_MALFORMED',
    'hackme\n\n',
    'GET\n\n',
    'GET /\n\n',
    'GET HTTP/1.1\n\n',
    'SOURCE foo.mp3 HTTP/1.0\n\n',
    'CONNECT h:1 HTTP/1.1\n\n',
    'GET / HTTP/2.0\n\n',
    'GET / http/1.1\n\n',
    'GET / ICE/1.1\n\n',
    'G(T / HTTP/1.1\n\n',
    ' GET / HTTP/1.1\n\n\n',
    'GET\t/\tHTTP/1.1\n\n',
    'GET /\0 HTTP/1.1\n\n',
    'GET /\x7f HTTP/1.1\n\n',
    'GET /\rx HTTP/1.1\n\n',
    'GET / HTTP/1.1\r\r\r\n\n',
    '\n\n\n\n\n',
  );
});

test('header lines that are none are malformed, folded ones too', () => {
  const lines = [
    'no colon',
    ': empty',
    'a b: c',
    'a : c',
    'caf\xe9: c',
    'a: b\0',
    'a: b\x1b',
    'a: b\x7f',
    'a: b\rc',
    'a: b\n folded',
    'a: b\n\tfolded',
  ];
  for (const line of lines) refused('LS_HEAD_MALFORMED', `GET / HTTP/1.1\n${line}\n\n`);
});

test('a tab inside a value stays, an empty value is a value', () => {
  const { headers } = headOf('GET / HTTP/1.1\na: b\tc \nhost:\n\n');
  assert.deepEqual(
    [...headers],
    [
      ['a', 'b\tc'],
      ['host', ''],
    ],
  );
});

test('a head whose body could have two lengths is malformed', () => {
  const post = (lines: string) => `POST /x HTTP/1.1\n${lines}\n\n`;
  refused(
    'LS_HEAD_MALFORMED',
    post('Content-Length: 1\nContent-Length: 2'),
    post('Content-Length: 1\ncontent-length: 01'),
    post('Content-Length: 1, 1'),
    post('Content-Length: +1'),
    post('Content-Length: 0x1'),
    post('Content-Length:'),
    post('Content-Length: -1'),
    post('Content-Length: 1234567890123456'),
    post('Content-Length: 5\nTransfer-Encoding: chunked'),
    post('Transfer-Encoding: identity\nContent-Length: 5'),
    post('Transfer-Encoding: chunked\nTransfer-Encoding: identity'),
    post('Transfer-Encoding: chunked\nTransfer-Encoding: chunked'),
  );
  assert.equal(headOf(post('Content-Length: 7\nContent-Length: 7')).headers.get('content-length'), '7');
});

test('a target at its limit passes, above it is too long', () => {
  const target = `/${'x'.repeat(limits.maxTargetBytes - 1)}`;
  assert.equal(headOf(`GET ${target} HTTP/1.1\n\n`).target, target);
  refused('LS_TARGET_TOO_LONG', `GET ${target}x HTTP/1.1\n\n`);
});

test('a first line that never ends is too long a target', () => {
  refused('LS_TARGET_TOO_LONG', `GET /${'x'.repeat(limits.maxBytes)}`);
});

test('a head at its limits passes, above them is too large', () => {
  const start = 'GET / HTTP/1.1\r\na: ';
  const filler = 'x'.repeat(limits.maxBytes - start.length - 4);
  assert.equal(headOf(`${start}${filler}\r\n\r\n`).headers.get('a'), filler);
  refused('LS_HEAD_TOO_LARGE', `${start}${filler}x\r\n\r\n`, `${start}${filler}xxxxx`);
  const lines = 'a: b\n'.repeat(limits.maxLines - 1);
  assert.equal(headOf(`GET / HTTP/1.1\n${lines}\n`).headers.size, 1);
  refused('LS_HEAD_TOO_LARGE', `GET / HTTP/1.1\n${lines}a: b\n\n`);
});

test('an error stays, and after the end every byte belongs to the body', () => {
  const broken = new RequestHeadParser(limits);
  assert.throws(() => broken.push(bytes('x\n')), LegacyStreamError);
  assert.throws(() => broken.push(bytes('GET / HTTP/1.1\n\n')), LegacyStreamError);
  const done = new RequestHeadParser(limits);
  done.push(bytes('GET / HTTP/1.1\n\n'));
  const later = done.push(bytes('more'));
  assert.ok(later.done && Buffer.from(later.rest).toString() === 'more');
});

const fragment = fc.constantFrom(
  'GET',
  'SOURCE',
  ' ',
  '/',
  '/live.mp3',
  '/admin.cgi?song=a b',
  ' HTTP/1.1',
  ' ICE/1.0',
  '\r\n',
  '\n',
  '\r\r\n',
  '\r',
  ':',
  'a: b',
  'Content-Length: 3',
  'Transfer-Encoding: chunked',
  '\xe9',
  '\0',
  '\t',
  'x'.repeat(30),
);
const input = fc.oneof(
  fc.array(fragment, { maxLength: 25 }).map((parts) => bytes(parts.join(''))),
  fc
    .array(fragment, { maxLength: 15 })
    .map((parts) => bytes(`PUT /m HTTP/1.1\r\n${parts.join('')}\r\n\r\nbody`)),
  fc.uint8Array({ maxLength: 120 }),
);

test('any split of any input gives the same result, and only our errors', () => {
  const small: HeadLimits = { maxBytes: 150, maxLines: 4, maxTargetBytes: 40 };
  fc.assert(
    fc.property(input, fc.array(fc.nat(150), { maxLength: 6 }), (whole, cuts) => {
      const expected = readAll([whole], small);
      const edges = [
        0,
        ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b),
        whole.length,
      ];
      assert.deepEqual(
        readAll(
          edges.slice(1).map((end, i) => whole.subarray(edges[i], end)),
          small,
        ),
        expected,
      );
      assert.deepEqual(
        readAll(
          [...whole].map((byte) => Uint8Array.of(byte)),
          small,
        ),
        expected,
      );
    }),
    { numRuns: 1500 },
  );
});
