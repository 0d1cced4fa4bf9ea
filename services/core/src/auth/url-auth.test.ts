import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AuthListener,
  defaultAcceptHeader,
  encodeListenerAdd,
  encodeListenerRemove,
  readAuthAnswer,
} from './url-auth.ts';

const listener: AuthListener = {
  id: 117,
  target: '/auth.mp3?k=v&a=b',
  user: 'fr ed',
  password: 'p&w',
  ip: '127.0.0.1',
  userAgent: 'curl/7.88.1',
};
const server = { name: 'localhost', port: 8100 };
const headers = { accept: defaultAcceptHeader, timeLimit: 'icecast-auth-timelimit:' };

test('bodies are those that Icecast 2.4.4 was seen to send', () => {
  assert.equal(
    encodeListenerAdd(listener, server, [
      ['ClientHeader.x-token', 'tok1'],
      ['ClientHeader.cookie', 'c=1'],
    ]),
    'action=listener_add&server=localhost&port=8100&client=117&mount=%2fauth%2emp3%3fk%3dv%26a%3db&user=fr%20ed&pass=p%26w&ip=127%2e0%2e0%2e1&agent=curl%2f7%2e88%2e1&ClientHeader.x-token=tok1&ClientHeader.cookie=c%3d1',
  );
  assert.equal(
    encodeListenerRemove({ ...listener, user: '', password: '', userAgent: undefined }, server, 3),
    'action=listener_remove&server=localhost&port=8100&client=117&mount=%2fauth%2emp3%3fk%3dv%26a%3db&user=&pass=&duration=3&ip=127%2e0%2e0%2e1&agent=-',
  );
});

test('nothing that a listener sends becomes another field', () => {
  const latin1 = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
  });
  fc.assert(
    fc.property(
      latin1,
      fc.string({ unit: 'binary' }),
      fc.string(),
      latin1,
      (target, user, password, userAgent) => {
        const body = encodeListenerAdd({ ...listener, target, user, password, userAgent }, server);
        assert.match(
          body,
          /^action=listener_add&server=localhost&port=8100&client=117&mount=[\w%]*&user=[\w%]*&pass=[\w%]*&ip=127%2e0%2e0%2e1&agent=[\w%]*$/,
        );
        const fields = new URLSearchParams(body);
        assert.equal(fields.get('user'), user.toWellFormed());
        assert.equal(fields.get('pass'), password.toWellFormed());
      },
    ),
  );
});

test('one header lets in: the default whole, another one as a beginning, in any case', () => {
  const accepts = (raw: string[], accept = headers.accept) =>
    readAuthAnswer(raw, { ...headers, accept }).accepted;
  assert.ok(accepts(['Date', 'x', 'Icecast-Auth-User', '1']));
  for (const value of ['0', '10', '1 1', '', '01']) assert.ok(!accepts(['icecast-auth-user', value]), value);
  assert.ok(!accepts([]));
  assert.ok(!accepts(['x-icecast-auth-user', '1']));
  assert.ok(accepts(['X-Result', 'OK, go on'], 'x-result: ok'));
  assert.ok(!accepts(['X-Result', 'no: x-result: ok'], 'x-result: ok'));
});

test('the time and the message are read, and what is neither is not', () => {
  const read = (...raw: string[]) => {
    const { limitS, message } = readAuthAnswer(raw, headers);
    return [limitS, message];
  };
  assert.deepEqual(read('icecast-auth-timelimit', '3600'), [3600, undefined]);
  assert.deepEqual(read('Icecast-Auth-Timelimit', '0'), [0, undefined]);
  for (const value of ['', '-5', 'soon'])
    assert.deepEqual(read('icecast-auth-timelimit', value), [undefined, undefined]);
  assert.deepEqual(read('icecast-auth-message', '\u001b[31mpay\tnow '), [undefined, '[31mpay now']);
  assert.equal(String(read('icecast-auth-message', 'x'.repeat(5_000))[1]).length, 200);
});
