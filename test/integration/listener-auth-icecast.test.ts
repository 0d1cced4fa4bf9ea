/**
 * URL authentication beside a real Icecast: both ask the same back end about the same
 * listeners, and what it is sent is compared byte for byte.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { type AuthAnswer, AuthBackend, type AuthCall, acceptAll } from '../support/auth-backend.ts';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { IcecastServer } from '../support/icecast-server.ts';
import { ServerProcess } from '../support/server-process.ts';
import { StreamClient } from '../support/stream-client.ts';

const mount = '/auth.mp3';
const templated = '/with%20space.mp3';
const forwarded = 'x-token,cookie,x-none';
const skip = missingProgram('icecast2');

type Who = { readonly target?: string; readonly headers?: readonly string[] };

const basic = (pair: string) => `Authorization: Basic ${Buffer.from(pair).toString('base64')}`;

/** Everything that differs between the two servers by their nature. */
function neutral({ body }: AuthCall): string {
  return body
    .replace(/&port=\d+/, '&port=P')
    .replace(/&client=\d+/, '&client=N')
    .replace(/&duration=\d+/, '&duration=S');
}

describe('URL authentication beside Icecast', { skip, timeout: 120_000 }, () => {
  let backend: AuthBackend;
  let icecast: IcecastServer;
  let ours: ServerProcess;
  let sources: CountingSource[] = [];

  before(async () => {
    backend = await AuthBackend.start();
    const { url, port } = backend;
    const withUser = `http://radio:s%20t@127.0.0.1:${port}/both?x=1`;
    const mountOf = (name: string, options: string) =>
      `<mount type="normal"><mount-name>${name}</mount-name><authentication type="url">${options}</authentication></mount>`;
    const option = (name: string, value: string) => `<option name="${name}" value="${value}"/>`;
    const prefix = option('header_prefix', 'ClientHeader.');
    icecast = await IcecastServer.start(
      mountOf(
        mount,
        option('listener_add', `${url}/add?a=b`) +
          option('listener_remove', `${url}/remove`) +
          option('headers', forwarded) +
          prefix,
      ) + mountOf('/with space.mp3', option('listener_add', withUser) + option('listener_remove', withUser)),
    );
    ours = await ServerProcess.start({
      set: ['server.hostname=localhost'],
      ini: `[Mount ${mount}]
ListenerAuth=url
ListenerAddUrl=${url}/add?a=b
ListenerRemoveUrl=${url}/remove
AuthForwardHeaders=${forwarded}
AuthHeaderPrefix=ClientHeader.
[Mount ${templated}]
ListenerAuth=url
ListenerAddUrl=${withUser}
ListenerRemoveUrl=${withUser}
`,
    });
    sources = await Promise.all(
      [icecast.port, ours.httpPort].flatMap((to) =>
        [mount, templated].map((path) => CountingSource.start({ port: to, mount: path })),
      ),
    );
  });
  after(async () => {
    for (const source of sources) source.destroy();
    await Promise.all([icecast?.stop(), ours?.stop()]);
    await backend?.stop();
  });

  /** What the back end heard of one listener, and the status that it was answered. */
  async function listen(port: number, { target = mount, headers = [] }: Who) {
    backend.calls.length = 0;
    const client = await StreamClient.open({ port, path: target, headers, version: 'HTTP/1.0' });
    const { status } = await client.head();
    if (status === 200) await client.receive(2_000);
    client.close();
    if (status === 200) await backend.until('listener_remove', 1);
    return { status, calls: [...backend.calls] };
  }

  async function same(who: Who, answer: AuthAnswer = acceptAll) {
    backend.answer = answer;
    const theirs = await listen(icecast.port, who);
    const own = await listen(ours.httpPort, who);
    assert.equal(own.status, theirs.status, 'status');
    assert.deepEqual(own.calls.map(neutral), theirs.calls.map(neutral), 'bodies');
    for (const [index, call] of own.calls.entries()) {
      const other = theirs.calls[index]!;
      assert.equal(call.url, other.url);
      assert.equal(call.method, other.method);
      for (const name of ['authorization', 'accept', 'content-type'])
        assert.equal(call.headers[name], other.headers[name], name);
      assert.equal(Number(call.headers['content-length']), call.body.length);
    }
    return own;
  }

  test('asks and reports with the very bytes of Icecast', async () => {
    const { calls } = await same({});
    assert.equal(calls.length, 2);
    assert.match(
      calls[0]!.body,
      /^action=listener_add&server=localhost&port=\d+&client=\d+&mount=%2fauth%2emp3&user=&pass=&ip=127%2e0%2e0%2e1&agent=-$/,
    );
    assert.equal(new Set(calls.map(({ fields }) => fields.get('client'))).size, 1);
    await same({ headers: [basic('fr ed:p&w:x'), 'User-Agent: Test/1.0 (ü; x)'] });
    await same({ headers: [basic('müller:pässe')] });
    await same({ headers: [basic('nobody:')] });
    await same({ headers: ['Authorization: Bearer abc'] });
    await same({ target: `${mount}?k=v&a=b%20c&d=%C3%A4` });
    await same({ headers: ['X-Token: t~o_k-1.', 'Cookie: c=1; d="é"', 'User-Agent: a'] });
    await same({ target: '/with%20space.mp3?x', headers: [basic('a:b')] });
  });

  test('takes the answers that Icecast takes, and refuses those that it refuses', async () => {
    const answers: Record<string, AuthAnswer> = {
      'any status will do': (_call, response) =>
        void response.writeHead(500, { 'Icecast-Auth-User': '1' }).end('no'),
      'no header': (_call, response) => void response.writeHead(200).end('icecast-auth-user: 1'),
      'another value': (_call, response) => void response.writeHead(200, { 'icecast-auth-user': '0' }).end(),
      'more after it': (_call, response) => void response.writeHead(200, { 'icecast-auth-user': '10' }).end(),
      'a message': (_call, response) =>
        void response.writeHead(200, { 'icecast-auth-message': 'Not\u00a0today' }).end(),
      'a redirect': (_call, response) =>
        void response.writeHead(302, { location: `${backend.url}/other` }).end(),
      'no answer': (_call, response) => void response.destroy(),
      garbage: (_call, response) => void response.socket?.end('this is no HTTP\r\n\r\n'),
    };
    for (const [what, answer] of Object.entries(answers)) {
      const { status } = await same({}, answer);
      assert.equal(status, what === 'any status will do' ? 200 : 401, what);
    }
  });

  test('ends a listener when its time is over, as Icecast does', async () => {
    const limited: AuthAnswer = (_call, response) =>
      void response.writeHead(200, { 'icecast-auth-user': '1', 'icecast-auth-timelimit': '2' }).end();
    // Icecast counts whole seconds of the clock.
    for (const [port, leastMs] of [
      [icecast.port, 900],
      [ours.httpPort, 1_900],
    ] as const) {
      backend.calls.length = 0;
      backend.answer = limited;
      const client = await StreamClient.open({ port, path: mount });
      await client.raw.closed(6_000);
      assert.ok(client.elapsedMs > leastMs && client.elapsedMs < 4_500, `${client.elapsedMs} ms`);
      const [removed] = await backend.until('listener_remove', 1);
      const seconds = Number(removed!.fields.get('duration'));
      assert.ok(seconds >= 1 && seconds <= 4, `${seconds} s`);
    }
    await eventually('nobody listens', () => backend.of('listener_remove').length === 1);
  });
});
