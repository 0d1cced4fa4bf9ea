import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hideSecrets, redactFields, redactText } from './redaction.ts';

test('secrets are left out by their key, at any depth and in any case', () => {
  const fields = redactFields({
    password: 'a',
    PASS: 'b',
    sourcePassword: 'c',
    password_hash: 'not one of ours',
    headers: { Authorization: 'Basic x', 'proxy-authorization': 'y', cookie: 'z', accept: '*/*' },
    users: [{ name: 'dj', apiToken: 't', clientSecret: 's', privateKey: 'k' }],
    map: new Map([['password', 'm']]),
  });
  assert.deepEqual(fields, {
    password: '[redacted]',
    PASS: '[redacted]',
    sourcePassword: '[redacted]',
    password_hash: 'not one of ours',
    headers: {
      Authorization: '[redacted]',
      'proxy-authorization': '[redacted]',
      cookie: '[redacted]',
      accept: '*/*',
    },
    users: [{ name: 'dj', apiToken: '[redacted]', clientSecret: '[redacted]', privateKey: '[redacted]' }],
    map: { password: '[redacted]' },
  });
});

test('a secret that is not set says so', () => {
  assert.deepEqual(redactFields({ password: '', token: null }), { password: '', token: null });
});

test('secrets are left out of targets and URLs', () => {
  assert.equal(
    hideSecrets('/admin.cgi?pass=hunter2&mode=updinfo&song=a'),
    '/admin.cgi?pass=[redacted]&mode=updinfo&song=a',
  );
  assert.equal(hideSecrets('/x?a=1&password=p&token=t'), '/x?a=1&password=[redacted]&token=[redacted]');
  assert.equal(
    hideSecrets('icecast://source:hackme@host:8000/live'),
    'icecast://source:[redacted]@host:8000/live',
  );
  assert.equal(hideSecrets('/bypass?passenger=1&song=pass=x'), '/bypass?passenger=1&song=pass=x');
});

test('text of strangers has no control character and is bounded', () => {
  assert.equal(redactText('a\r\nb\u001b[31m\u009b\u2028'), 'a\\u000d\\u000ab\\u001b[31m\\u009b\\u2028');
  assert.equal(redactText('x'.repeat(10_000)).length, 4097);
});

test('an error keeps its code, its stack and its cause', () => {
  const cause = Object.assign(new Error('inner'), { code: 'ENOENT' });
  const { error } = redactFields({ error: new TypeError('at http://u:p@h/', { cause }) }) as {
    error: { type: string; message: string; stack: string; cause: { message: string; code: string } };
  };
  assert.equal(error.type, 'TypeError');
  assert.equal(error.message, 'at http://u:[redacted]@h/');
  assert.match(error.stack, /^TypeError: at http:\/\/u:\[redacted\]@h\/\n {4}at /);
  assert.equal(error.cause.message, 'inner');
  assert.equal(error.cause.code, 'ENOENT');
});

test('depth and number of values are bounded, cycles included', () => {
  const cycle: Record<string, unknown> = { list: Array.from({ length: 1000 }, (_, i) => i) };
  cycle['self'] = cycle;
  const text = JSON.stringify(redactFields(cycle));
  assert.ok(text.length < 5000, `${text.length}`);
  assert.match(text, /\[…\]/);
});

test('values that JSON does not know become text', () => {
  const fields = redactFields({
    big: 10n,
    at: new Date(0),
    url: new URL('http://u:p@h/a'),
    data: Buffer.alloc(9),
    set: new Set([1]),
    fn: () => {},
    never: new Date(Number.NaN),
  });
  assert.deepEqual(fields, {
    big: '10',
    at: '1970-01-01T00:00:00.000Z',
    url: 'http://u:[redacted]@h/a',
    data: '[9 bytes]',
    set: [1],
    fn: '[function]',
    never: null,
  });
});

test('a value that cannot be read costs itself, never the line', () => {
  const error = Object.assign(new Error('odd'), { code: { toString: 0 } });
  const throwing = {
    get body(): string {
      throw new Error('no');
    },
  };
  const fields = redactFields({
    error,
    throwing,
    map: new Map<unknown, unknown>([
      [{ toString: 0 }, 1],
      [Symbol('key'), 2],
    ]),
    after: 'kept',
  });
  assert.deepEqual(fields, {
    error: { type: 'Error', message: 'odd', code: '[object]', stack: error.stack },
    throwing: '[unreadable]',
    map: { '[object]': 1, 'Symbol(key)': 2 },
    after: 'kept',
  });
});

test('any value gives JSON, and any text one printable line', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.anything({ withDate: true, withMap: true })), (value) => {
      JSON.stringify(redactFields(value));
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(redactText(text), /[\u0000-\u001f\u007f-\u009f]/);
    }),
  );
});
