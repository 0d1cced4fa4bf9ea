/**
 * Icecast's `moveclients`: listeners go from one mount to another on their connections,
 * between two whole frames, with ICY on the same count of bytes, and are counted there.
 * The frames of each mount carry an id of their own, so that it is seen whose they are.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CountingFormat, countingFormats } from '../support/counting-frames.ts';
import { type HeardFrame, readCountingFrames } from '../support/counting-reader.ts';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { readIcyBody, titlesOf } from '../support/icy-body.ts';
import { ServerProcess } from '../support/server-process.ts';
import { statusOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';

const format = countingFormats.mp3At128;
/** Sources, by mount; the number is their id. */
const mounts: readonly (readonly [mount: string, id: number, format?: CountingFormat])[] = [
  ['/a.mp3', 1],
  ['/b.mp3', 2],
  ['/c.mp3', 3],
  ['/small.mp3', 4],
  ['/fine.mp3', 5],
  ['/other.aac', 6, countingFormats.largeAac],
];
const ini = `
[Streaming]
Linger=60
[Mount /small.mp3]
MaxListeners=2
[Mount /fine.mp3]
MetaInterval=8192
`;

let server: ServerProcess;
const sources = new Map<string, CountingSource>();

before(async () => {
  server = await ServerProcess.start({ ini });
  for (const [mount, id, as = format] of mounts) {
    sources.set(mount, await CountingSource.start({ port: server.httpPort, mount, id, format: as }));
    await server.waitFor('source.connected', 10_000, (line) => line['mount'] === mount);
  }
});

after(async () => {
  for (const source of sources.values()) source.destroy();
  await server.stop();
});

async function call(path: string): Promise<{ readonly status: number; readonly body: string }> {
  const response = await server.admin(path);
  return { status: response.status, body: await response.text() };
}

const move = (from: string, to: string) => call(`/admin/moveclients?mount=${from}&destination=${to}`);

const answerOf = (message: string, code = 1) => ({
  status: 200,
  body: `<?xml version="1.0"?>\n<iceresponse><message>${message}</message><return>${code}</return></iceresponse>\n`,
});

const refusalOf = (text: string) => ({
  status: 400,
  body: `<html><head><title>Error 400</title></head><body><b>400 - ${text}</b></body></html>\r\n`,
});

async function listen(path: string, headers: readonly string[] = []): Promise<StreamClient> {
  const client = await StreamClient.open({ port: server.httpPort, path, headers });
  assert.equal((await client.head()).status, 200);
  return client;
}

async function listenIcy(path: string): Promise<StreamClient & { readonly metaint: number }> {
  const client = await listen(path, ['Icy-MetaData: 1']);
  const metaint = Number((await client.head()).headers.get('icy-metaint'));
  return Object.assign(client, { metaint });
}

const audioOf = (client: StreamClient & { readonly metaint?: number }) =>
  client.metaint ? readIcyBody(client.body, client.metaint).audio : client.body;

const heard = (client: StreamClient) => readCountingFrames(audioOf(client), format);

/** Waits until a client has heard so many frames that carry this id. */
const hear = (client: StreamClient, id: number, frames = 40) =>
  eventually(`${frames} frames of source ${id} are heard`, () => {
    if (client.raw.isClosed) throw new Error('the connection has been closed');
    return heard(client).frames.filter(({ source }) => source === id).length >= frames;
  });

/** The ids in the order in which they were heard, and whether each one's frames follow each other. */
function orderOf(frames: readonly HeardFrame[]): number[] {
  const order: number[] = [];
  for (const [i, { source, number }] of frames.entries()) {
    const last = frames[i - 1];
    if (last?.source === source) assert.equal(number, last.number + 1, 'no frame is missing');
    else order.push(source);
  }
  return order;
}

const listenersOf = (mount: string, count: number) =>
  statusOf(server, mount, ({ listeners }) => listeners === count);

describe('listeners that are moved', () => {
  test('hear whole frames of the one mount and then of the other, and keep their connection', async () => {
    await call('/admin/metadata?mode=updinfo&mount=/a.mp3&song=First');
    await call('/admin/metadata?mode=updinfo&mount=/b.mp3&song=Second');
    // Further back than any burst begins, so that no listener is told of the time before the titles.
    const titledAt = sources.get('/b.mp3')!.nextNumber;
    await eventually('the titles are old', () => sources.get('/b.mp3')!.nextNumber > titledAt + 220);
    const plain = [await listen('/a.mp3?who=first', ['User-Agent: mover']), await listen('/a.mp3')];
    const icy = [await listenIcy('/a.mp3'), await listenIcy('/a.mp3')];
    const stays = await listen('/b.mp3');
    const all = [...plain, ...icy];
    for (const client of all) await hear(client, 1, 60);
    const idOf = (body: string) =>
      /<UserAgent>mover<\/UserAgent><Connected>\d+<\/Connected><ID>(\d+)</.exec(body)?.[1];
    const id = idOf((await call('/admin/listclients?mount=/a.mp3')).body);
    assert.ok(id);

    assert.deepEqual(await move('/a.mp3', '/b.mp3'), answerOf('Clients moved from /a.mp3 to /b.mp3'));
    // Longer than an interval of metadata, so that the next block has come.
    for (const client of all) await hear(client, 2, 120);
    for (const client of plain) {
      const { frames, tornBytes, zeroBytes } = heard(client);
      assert.deepEqual([tornBytes, zeroBytes], [0, 0]);
      assert.deepEqual(orderOf(frames), [1, 2]);
    }
    for (const client of icy) {
      const { frames, tornBytes } = heard(client);
      assert.equal(tornBytes, 0);
      assert.deepEqual(orderOf(frames), [1, 2]);
      const { blocks } = readIcyBody(client.body, client.metaint);
      assert.deepEqual(titlesOf(blocks), ['First', 'Second']);
    }
    assert.deepEqual(orderOf(heard(stays).frames), [2]);

    await listenersOf('/a.mp3', 0);
    await listenersOf('/b.mp3', 5);
    assert.match((await call('/admin/listclients?mount=/a.mp3')).body, /<Listeners>0</);
    assert.equal(idOf((await call('/admin/listclients?mount=/b.mp3')).body), id, 'the same listener');
    const line = await server.waitFor('listeners.moved', 1_000, ({ mount }) => mount === '/a.mp3');
    assert.deepEqual([line['destination'], line['moved'], line['kept']], ['/b.mp3', 4, 0]);

    await move('/b.mp3', '/a.mp3');
    for (const client of [...all, stays]) await hear(client, 1, 120);
    for (const client of icy) {
      assert.equal(heard(client).tornBytes, 0);
      assert.deepEqual(orderOf(heard(client).frames), [1, 2, 1]);
    }
    assert.match((await call(`/admin/killclient?mount=/a.mp3&id=${id}`)).body, /removed/);
    await plain[0]!.raw.closed();
    for (const client of [...all, stays]) client.close();
    await listenersOf('/a.mp3', 0);
  });

  test('go to a mount that nobody has listened to', async () => {
    const client = await listen('/a.mp3');
    await hear(client, 1);
    assert.deepEqual(await move('/a.mp3', '/c.mp3'), answerOf('Clients moved from /a.mp3 to /c.mp3'));
    await hear(client, 3);
    assert.deepEqual(orderOf(heard(client).frames), [1, 3]);
    client.close();
    await listenersOf('/c.mp3', 0);
  });

  test('end with their new mount and not with the old one', async () => {
    const port = server.httpPort;
    const doomed = await CountingSource.start({ port, mount: '/doomed.mp3', id: 7 });
    await server.waitFor('source.connected', 10_000, (line) => line['mount'] === '/doomed.mp3');
    const client = await listen('/doomed.mp3');
    await hear(client, 7);
    await move('/doomed.mp3', '/c.mp3');
    await call('/admin/killsource?mount=/doomed.mp3');
    await doomed.closed;
    await hear(client, 3, 60);
    client.close();
    await listenersOf('/c.mp3', 0);
  });

  test('are saved from a mount whose source has gone', async () => {
    const port = server.httpPort;
    const source = await CountingSource.start({ port, mount: '/gone.mp3', id: 8 });
    await server.waitFor('source.connected', 10_000, (line) => line['mount'] === '/gone.mp3');
    const client = await listen('/gone.mp3');
    await hear(client, 8);
    await source.end();
    await server.waitFor('source.disconnected', 10_000, (line) => line['mount'] === '/gone.mp3');
    assert.deepEqual(await move('/c.mp3', '/gone.mp3'), refusalOf('Destination not running'));
    assert.deepEqual(await move('/gone.mp3', '/c.mp3'), answerOf('Clients moved from /gone.mp3 to /c.mp3'));
    await hear(client, 3);
    assert.deepEqual(orderOf(heard(client).frames), [8, 3]);
    client.close();
    await listenersOf('/c.mp3', 0);
  });
});

describe('listeners that could not go on', () => {
  test('stay beyond the limit of the other mount', async () => {
    const clients = [await listen('/a.mp3'), await listen('/a.mp3'), await listen('/a.mp3')];
    for (const client of clients) await hear(client, 1);
    assert.deepEqual(
      await move('/a.mp3', '/small.mp3'),
      answerOf('Clients moved from /a.mp3 to /small.mp3: 2, not moved: 1'),
    );
    await hear(clients[0]!, 4);
    await hear(clients[1]!, 4);
    await listenersOf('/small.mp3', 2);
    await listenersOf('/a.mp3', 1);
    assert.deepEqual(orderOf(heard(clients[2]!).frames), [1]);
    for (const client of clients) client.close();
    await listenersOf('/small.mp3', 0);
    await listenersOf('/a.mp3', 0);
  });

  test('stay where the other mount has another codec', async () => {
    const client = await listen('/a.mp3');
    await hear(client, 1);
    const { length } = heard(client).frames;
    assert.deepEqual(
      await move('/a.mp3', '/other.aac'),
      answerOf('Clients moved from /a.mp3 to /other.aac: 0, not moved: 1', 0),
    );
    await hear(client, 1, length + 40);
    assert.equal(heard(client).tornBytes, 0);
    client.close();
    await listenersOf('/a.mp3', 0);
  });

  test('stay where metadata comes at another interval, if they have asked for it', async () => {
    const [plain, icy] = [await listen('/a.mp3'), await listenIcy('/a.mp3')];
    await hear(plain, 1);
    await hear(icy, 1);
    assert.deepEqual(
      await move('/a.mp3', '/fine.mp3'),
      answerOf('Clients moved from /a.mp3 to /fine.mp3: 1, not moved: 1'),
    );
    await hear(plain, 5);
    const { length } = heard(icy).frames;
    await hear(icy, 1, length + 40);
    assert.equal(heard(icy).tornBytes, 0);
    plain.close();
    icy.close();
    await listenersOf('/a.mp3', 0);
  });

  test('are not touched by a demand that is refused', async () => {
    const client = await listen('/a.mp3');
    await hear(client, 1);
    for (const [from, to, text] of [
      ['/a.mp3', '/none.mp3', 'No such destination'],
      ['/a.mp3', '', 'No such destination'],
      ['/a.mp3', '/a.mp3', 'supplied mountpoints are identical'],
      ['/none.mp3', '/b.mp3', 'Source does not exist'],
    ] as const) {
      assert.deepEqual(await move(from, to), refusalOf(text), `${from} to ${to}`);
    }
    await listenersOf('/a.mp3', 1);
    client.close();
    await listenersOf('/a.mp3', 0);
  });
});
