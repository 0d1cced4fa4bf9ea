import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AccessEntry, formatAccessLine } from './access-line.ts';

const wallMs = Date.UTC(2026, 10, 22, 13, 33, 7, 999);
const entry: AccessEntry = {
  ip: '203.0.113.9',
  user: 'dj',
  method: 'GET',
  target: '/a.mp3',
  protocol: 'HTTP/1.1',
  status: 200,
  bytes: 123_456_789_012,
  referer: 'http://example.org/',
  userAgent: 'VLC/3.0.20 LibVLC/3.0.20',
  seconds: 61.9,
};
/** What programs that read the combined format look for. */
const combined =
  /^(\S+) - (\S+) \[(\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000)\] "((?:[^"\\]|\\.)*)" (\d+) (\d+) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)" (\d+)$/;

test('a line is in the combined format with the seconds at its end', () => {
  assert.equal(
    formatAccessLine(entry, wallMs),
    '203.0.113.9 - dj [22/Nov/2026:13:33:07 +0000] "GET /a.mp3 HTTP/1.1" 200 123456789012 "http://example.org/" "VLC/3.0.20 LibVLC/3.0.20" 61',
  );
});

test('what is missing is a hyphen', () => {
  const line = formatAccessLine(
    { ...entry, user: undefined, referer: undefined, userAgent: '', target: '' },
    wallMs,
  );
  assert.equal(
    line,
    '203.0.113.9 - - [22/Nov/2026:13:33:07 +0000] "GET - HTTP/1.1" 200 123456789012 "-" "-" 61',
  );
});

test('what a stranger sent is escaped', () => {
  const line = formatAccessLine(
    {
      ...entry,
      user: 'a b" [x',
      target: '/ü"\\\u0000\u001b[2J',
      referer: '"\r\n1.2.3.4 - - [',
      userAgent: '\u00e9 \u2028 \u{1f600}',
    },
    wallMs,
  );
  assert.equal(
    line,
    '203.0.113.9 - a\\x20b\\"\\x20[x [22/Nov/2026:13:33:07 +0000] "GET /\\xfc\\"\\\\\\x00\\x1b[2J HTTP/1.1" 200 123456789012 ' +
      '"\\"\\x0d\\x0a1.2.3.4 - - [" "\\xe9 \\xe2\\x80\\xa8 \\xf0\\x9f\\x98\\x80" 61',
  );
});

test('passwords of a target are left out', () => {
  const line = formatAccessLine({ ...entry, target: '/admin.cgi?pass=hunter2&mode=updinfo' }, wallMs);
  assert.match(line, /"GET \/admin\.cgi\?pass=\[redacted\]&mode=updinfo HTTP\/1\.1"/);
});

test('fields are bounded and numbers are whole', () => {
  const line = formatAccessLine(
    { ...entry, userAgent: 'x'.repeat(100_000), bytes: Number.NaN, seconds: -1, status: 1e21 },
    wallMs,
  );
  assert.ok(line.length < 5000);
  assert.match(line, / 9007199254740991 0 "http.*" 0$/);
});

test('no text can forge a line or a field', () => {
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom('"', '\\', ' ', '\n', '\r', '[', ']', '-'), fc.string()),
  });
  fc.assert(
    fc.property(text, text, text, text, text, (user, target, referer, userAgent, ip) => {
      const line = formatAccessLine({ ...entry, user, target, referer, userAgent, ip }, wallMs);
      assert.match(line, /^[ -~]+$/);
      const fields = combined.exec(line);
      assert.ok(fields, line);
      assert.equal(fields[3], '22/Nov/2026:13:33:07 +0000');
      assert.equal(fields[4]?.split(' ').length, 3);
      assert.equal(fields[5], '200');
      assert.equal(fields[9], '61');
    }),
    { numRuns: 300 },
  );
});
