/**
 * Titles from outside the stream, in every spelling that encoders use, and what the status
 * documents make of them: always valid, always text.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { readIcyBody } from '../support/icy-body.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { adminPassword, ServerProcess, sourcePassword } from '../support/server-process.ts';
import { statusSources } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';

const secondPassword = 'second-Pw-77';
const ini = `
[Limits]
AuthFailures=1000
[Streaming]
Linger=0
[Mount /stream]
MetaInterval=1024
[Mount /two.mp3]
Sid=2
SourcePassword=${secondPassword}
[Mount /cyrillic.mp3]
Charset=windows-1251
[Mount /hidden.mp3]
Hidden=true
`;

let server: ServerProcess;
const sources: CountingSource[] = [];

const basic = (user: string, password: string) =>
  `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const asSource = basic('source', sourcePassword);

async function goOnAir(mount: string, password = sourcePassword): Promise<CountingSource> {
  const source = await CountingSource.start({ port: server.httpPort, mount, password });
  sources.push(source);
  await server.waitFor('source.connected', 10_000, (line) => line['mount'] === mount);
  return source;
}

/** A GET whose target is sent as it stands, 8-bit bytes and all. */
async function get(
  target: string,
  headers: readonly string[] = [],
  from?: string,
): Promise<[number, string]> {
  const request = [`GET ${target} HTTP/1.0`, ...headers].join('\r\n');
  const answer = await RawClient.exchange(server.httpPort, `${request}\r\n\r\n`, from);
  return [Number(answer.split(' ')[1]), answer.slice(answer.indexOf('\r\n\r\n') + 4)];
}

const update = (query: string, from?: string) =>
  get(`/admin/metadata?mode=updinfo&mount=/a.mp3&${query}`, [asSource], from);

const titleOf = async (mount: string) => (await statusSources(server)).get(mount)?.['title'];

before(async () => {
  server = await ServerProcess.start({ ini });
  for (const mount of ['/a.mp3', '/stream', '/cyrillic.mp3']) await goOnAir(mount);
  await goOnAir('/two.mp3', secondPassword);
});

after(async () => {
  for (const source of sources) source.destroy();
  await server.stop();
});

describe('a title by /admin/metadata', () => {
  const utf8 = (text: string) => Buffer.from(text, 'utf8').toString('latin1');
  const spellings: readonly (readonly [what: string, query: string, title: string])[] = [
    ['as UTF-8', 'song=caf%C3%A9', 'café'],
    ['as UTF-8 that is named', 'charset=UTF-8&song=%E6%97%A5%E6%9C%AC', '日本'],
    ['as Latin-1', 'song=caf%E9', 'café'],
    ['as Latin-1 that is named', 'song=caf%E9&charset=ISO-8859-1', 'café'],
    ['as windows-1251 that is named', 'song=%CF%F0%E8%E2%E5%F2&charset=windows-1251', 'Привет'],
    ['with a charset that is none', 'song=caf%C3%A9&charset=nonsense', 'café'],
    ['raw in the request line, as UTF-8', `song=${utf8('Schöne')}%20Lieder`, 'Schöne Lieder'],
    ['raw in the request line, as Latin-1', 'song=Sch\xf6ne+Lieder', 'Schöne Lieder'],
    ['with signs that nobody encoded', `song=a=b;c'd"e`, `a=b;c'd"e`],
    ['with a percent sign that encodes nothing', 'song=100%', '100%'],
    ['as artist and title', 'artist=Art&title=Song', 'Art - Song'],
    ['as song after artist and title', 'song=Alone', 'Alone'],
    ['with an url', 'song=x&url=http://a.example/', 'x'],
    ['twice, of which the first counts', 'song=one&song=two', 'one'],
    ['of one line where several were sent', 'song=a%0Ab%0D%0Ac', 'a b c'],
    ['without what no reader can show', 'song=a%00b%1b[31mc%7f', 'ab[31mc'],
    ['that is a number', 'song=1984', '1984'],
    ['that is a number with a zero in front', 'song=007', '007'],
    ['that is a truth value', 'song=true', 'true'],
    ['that is null', 'song=null', 'null'],
    ['that would end a script', 'song="</script><script>alert(1)//', '"</script><script>alert(1)//'],
    ['that is empty, which clears it', 'song=', ''],
  ];
  for (const [what, query, title] of spellings) {
    test(what, async () => {
      const [status, body] = await update(query);
      assert.equal(status, 200);
      assert.match(body, /<message>Metadata update successful<\/message><return>1<\/return>/);
      assert.equal(await titleOf('/a.mp3'), title);
    });
  }

  test('by POST of a form, from any address', async () => {
    const form = `mode=updinfo&mount=%2Fa%2Emp3&charset=windows-1251&song=%CF%F0%E8`;
    const request = [
      'POST /admin/metadata HTTP/1.0',
      asSource,
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${form.length}`,
      '',
      form,
    ].join('\r\n');
    assert.match(await RawClient.exchange(server.httpPort, request, '127.0.0.9'), /^HTTP\/1\.\d 200 /);
    assert.equal(await titleOf('/a.mp3'), 'При');
    assert.equal((await update('song=Elsewhere', '127.0.0.8'))[0], 200);
    assert.equal(await titleOf('/a.mp3'), 'Elsewhere');
  });

  test('as libshout sends it, charset first and everything escaped', async () => {
    const target = '/admin/metadata?mode=updinfo&charset=UTF-8&mount=%2fa%2emp3&song=lib%2dshout';
    assert.equal((await get(target, [asSource]))[0], 200);
    assert.equal(await titleOf('/a.mp3'), 'lib-shout');
  });

  test('in the charset of its mount where it is neither UTF-8 nor named', async () => {
    await get('/admin/metadata?mode=updinfo&mount=/cyrillic.mp3&song=%CF%F0%E8%E2%E5%F2', [asSource]);
    assert.equal(await titleOf('/cyrillic.mp3'), 'Привет');
    await get('/admin/metadata?mode=updinfo&mount=/cyrillic.mp3&song=%D0%9F%D1%80%D0%B8', [asSource]);
    assert.equal(await titleOf('/cyrillic.mp3'), 'При');
  });

  test('of any length is cut to what can be shown', async () => {
    assert.equal((await update(`song=${'%C3%A9'.repeat(1_200)}`))[0], 200);
    assert.equal(await titleOf('/a.mp3'), 'é'.repeat(1024));
  });
});

describe('a title by /admin.cgi', () => {
  const outcomes: readonly (readonly [what: string, query: string, mount: string])[] = [
    ['with the source password, for the first stream', `pass=${sourcePassword}`, '/stream'],
    ['with the administrator’s', `pass=${adminPassword}`, '/stream'],
    ['for stream 1', `pass=${sourcePassword}&sid=1`, '/stream'],
    ['for stream 2', `pass=${secondPassword}&sid=2`, '/two.mp3'],
    ['for stream 2 in the password', `pass=${secondPassword}:%232`, '/two.mp3'],
    ['for a mount', `pass=${sourcePassword}&mount=/a.mp3`, '/a.mp3'],
    ['for a mount in the password', `pass=/a.mp3:${sourcePassword}`, '/a.mp3'],
  ];
  for (const [i, [what, query, mount]] of outcomes.entries()) {
    test(what, async () => {
      assert.equal((await get(`/admin.cgi?mode=updinfo&song=cgi+${i}&${query}`))[0], 200);
      assert.equal(await titleOf(mount), `cgi ${i}`);
    });
  }

  test('with a login in the header', async () => {
    assert.equal((await get('/admin.cgi?mode=updinfo&song=header', [asSource]))[0], 200);
    assert.equal(await titleOf('/stream'), 'header');
    const asAdmin = basic('admin', adminPassword);
    assert.equal((await get('/admin.cgi?sid=2&mode=updinfo&song=header', [asAdmin]))[0], 200);
    assert.equal(await titleOf('/two.mp3'), 'header');
  });

  test('reaches players with its address', async () => {
    const listener = await StreamClient.open({
      port: server.httpPort,
      path: '/stream',
      headers: ['Icy-MetaData: 1'],
    });
    await get(`/admin.cgi?mode=updinfo&song=With+url&url=http://a.example/&pass=${sourcePassword}`);
    await eventually('the block', () =>
      readIcyBody(listener.body, 1024).blocks.some(
        ({ text }) => text === "StreamTitle='With url';StreamUrl='http://a.example/';",
      ),
    );
    listener.close();
  });

  const refusals: readonly (readonly [what: string, query: string, status: number])[] = [
    ['no password', 'mode=updinfo&song=no', 400],
    ['an empty password', 'mode=updinfo&song=no&pass=', 401],
    ['a bad password', 'mode=updinfo&song=no&pass=wrong', 401],
    ['the password of another mount', `mode=updinfo&song=no&sid=2&pass=${sourcePassword}`, 401],
    ['a bad password with a stream', 'mode=updinfo&song=no&pass=wrong:%232', 401],
    ['a stream that is no number', `mode=updinfo&song=no&sid=x&pass=${sourcePassword}`, 400],
    ['a stream that is not on air', `mode=updinfo&song=no&sid=77&pass=${adminPassword}`, 400],
    ['another mode', `mode=viewxml&pass=${sourcePassword}`, 400],
  ];
  for (const [what, query, status] of refusals) {
    test(`is refused: ${what}`, async () => {
      assert.equal((await get(`/admin.cgi?${query}`))[0], status);
      for (const [, source] of await statusSources(server)) assert.notEqual(source['title'], 'no');
    });
  }
});

describe('status documents', () => {
  test('have no source, an object or an array, as there are mounts', async () => {
    const other = await ServerProcess.start({
      ini: '[Streaming]\nLinger=0\n[Mount /hidden.mp3]\nHidden=true',
    });
    const started: CountingSource[] = [];
    try {
      const read = async (query = '') => {
        const text = await (await fetch(`${other.url}/status-json.xsl${query}`)).text();
        return (JSON.parse(text) as { icestats: { source?: unknown; dummy?: null } }).icestats;
      };
      const add = async (mount: string) => {
        started.push(await CountingSource.start({ port: other.httpPort, mount, password: sourcePassword }));
        await other.waitFor('source.connected', 10_000, (line) => line['mount'] === mount);
      };
      assert.deepEqual([(await read()).source, (await read()).dummy], [undefined, null]);
      await add('/hidden.mp3');
      assert.equal((await read()).source, undefined);
      await add('/one.mp3');
      const one = await eventually('one is an object', async () => (await read()).source);
      assert.ok(!Array.isArray(one) && typeof one === 'object');
      await add('/two.mp3');
      const two = await eventually('two are an array', async () => {
        const { source } = await read();
        return Array.isArray(source) && source;
      });
      assert.deepEqual(
        (two as { listenurl: string }[]).map(({ listenurl }) => new URL(listenurl).pathname),
        ['/one.mp3', '/two.mp3'],
      );
      assert.ok(!Array.isArray((await read('?mount=/two.mp3')).source));
      assert.equal((await read('?mount=/none.mp3')).source, undefined);
      for (const source of started) await source.end();
      await eventually('none is left', async () => (await read()).source === undefined);
    } finally {
      for (const source of started) source.destroy();
      await other.stop();
    }
  });

  test('stay valid whatever the title is', { skip: missingProgram('xmllint') }, async () => {
    const bytes = Buffer.from(Array.from({ length: 255 }, (_, i) => i + 1));
    const escaped = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    const titles = [escaped, '%EF%BF%BF%EF%BF%BE%ED%A0%80', ']]%3E%26%3C!--', '%F0%9F%8E%B5'];
    for (const song of titles) {
      assert.equal((await update(`song=${song}`))[0], 200);
      const json = await (await fetch(`${server.url}/status-json.xsl`)).text();
      assert.doesNotThrow(() => JSON.parse(json));
      assert.doesNotMatch(json, /[\u0000-\u001f\u007f-\u009f]/);
      for (const path of ['stats', 'stats?mount=/a.mp3', 'listclients?mount=/a.mp3', 'listmounts']) {
        const document = await (await server.admin(`/admin/${path}`)).arrayBuffer();
        await ProgramProcess.run('xmllint', ['--noout', '-'], Buffer.from(document));
      }
      const xspf = await (await fetch(`${server.url}/a.mp3.xspf`)).arrayBuffer();
      await ProgramProcess.run('xmllint', ['--noout', '-'], Buffer.from(xspf));
    }
  });

  test('answer an encoder that asks for its listeners as butt does', async () => {
    const listener = await StreamClient.open({ port: server.httpPort, path: '/a.mp3' });
    await update('song=One,%20two');
    const butt = ['User-Agent: butt 0.1.40', 'Accept: */*'];
    await eventually('the listener is counted', async () => {
      const [status, body] = await get('/status-json.xsl?mount=/a.mp3', butt);
      return status === 200 && body.includes('"listeners":1,');
    });
    assert.deepEqual(await get('/7.xsl?mount=/a.mp3', butt), [200, '1,1,1,unlimited,1,128,One, two\n']);
    const [status, body] = await get('/7.xsl', butt);
    assert.equal(status, 200);
    assert.match(body, /^\d+,1,\d+,unlimited,\d+,128,/);
    listener.close();
  });
});
