import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { countingFormats } from '../support/counting-frames.ts';
import { readCountingFrames } from '../support/counting-reader.ts';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { metricOf, statusOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';
import { crashOneThread } from '../support/thread-crash.ts';

const mount = '/threads.mp3';
const limited = '/limited.mp3';
const threads = 3;
const listenerCount = 24;
const active = 'legacystream_edge_listeners_active';

describe('a server with several edge threads', () => {
  let server: ServerProcess;
  let source: CountingSource;
  let listeners: StreamClient[] = [];

  before(async () => {
    server = await ServerProcess.start({
      set: [`server.workerThreads=${threads}`, 'limits.authFailures=3'],
      ini: `[Mount ${limited}]\nMaxListeners=5\n`,
      env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' },
    });
    source = await CountingSource.start({ port: server.httpPort, mount, password: sourcePassword });
    listeners = await listen(server, mount, listenerCount);
  });

  after(async () => {
    for (const listener of listeners) listener.close();
    source?.destroy();
    await server?.stop();
  });

  test('listeners of one mount are spread over threads and counted together', async () => {
    await statusOf(server, mount, (view) => view['listeners'] === listenerCount);
    await eventually(
      'the metrics add up',
      async () => (await metricOf(server, active, mount)) === listenerCount,
    );
    assert.equal(await metricOf(server, 'legacystream_runtime_edge_threads'), threads);
    assert.ok((await threadsOfListeners(server)).size > 1, 'all listeners are on one thread');
  });

  test('every listener hears every frame once, whichever thread serves it', async () => {
    const bodies = await Promise.all(listeners.map((listener) => listener.receive(3 * 16_000)));
    for (const body of bodies) {
      const heard = readCountingFrames(body, countingFormats.mp3At128);
      assert.equal(heard.tornBytes, 0);
      assert.deepEqual(heard.gaps, []);
    }
  });

  test('the admin kills a listener on any thread', async () => {
    const ids = await listenerIds(server);
    assert.equal(ids.length, listenerCount);
    for (const id of [ids[0], ids.at(-1)]) {
      const answer = await (await server.admin(`/admin/killclient?mount=${mount}&id=${id}`)).text();
      assert.match(answer, /removed<\/message><return>1</);
    }
    await statusOf(server, mount, (view) => view['listeners'] === listenerCount - 2);
  });

  test('titles are set through any thread', async () => {
    for (let i = 0; i < 8; i += 1) {
      const query = `mount=${mount}&mode=updinfo&song=title-${i}`;
      assert.equal((await server.admin(`/admin/metadata?${query}`)).status, 200);
      await statusOf(server, mount, (view) => view['title'] === `title-${i}`);
    }
  });

  test('failed logins count over all threads', async () => {
    const refuse = (password: string) =>
      CountingSource.start({ port: server.httpPort, mount: '/guess.mp3', password }).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
    const answers: string[] = [];
    // The news of a failure needs a moment to reach the other threads.
    for (let i = 0; i < 12; i += 1) {
      answers.push(await refuse('wrong-password'));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(
      answers.slice(4).every((answer) => answer.includes(' 429 ')),
      answers.join('\n'),
    );
    assert.match(await refuse(sourcePassword), / 429 /);
  });

  test('a limit on listeners holds over all threads', async () => {
    const limitedSource = await CountingSource.start({
      port: server.httpPort,
      mount: limited,
      password: sourcePassword,
    });
    const admitted = [];
    for (let i = 0; i < 5; i += 1) admitted.push(...(await listen(server, limited, 1)));
    await statusOf(server, limited, (view) => view['listeners'] === 5);
    await eventually('every thread knows that the mount is full', async () => {
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => StreamClient.open({ port: server.httpPort, path: limited })),
      );
      const statuses = await Promise.all(answers.map((answer) => answer.head()));
      for (const answer of answers) answer.close();
      return statuses.every(({ status }) => status === 503);
    });
    for (const listener of admitted) listener.close();
    await limitedSource.end();
  });

  test('a crashed thread is restarted and only its own listeners go', async () => {
    for (const listener of listeners) listener.close();
    listeners = await listen(server, mount, listenerCount);
    await statusOf(server, mount, (view) => view['listeners'] === listenerCount);
    const inspector = /ws:\/\/127\.0\.0\.1:\d+\/\S+/.exec(server.output)?.[0];
    assert.ok(inspector, server.output);
    await crashOneThread(inspector);
    await server.waitFor('thread.restarted');
    assert.equal(await metricOf(server, 'legacystream_runtime_edge_restarts_total'), 1);

    const left = listeners.filter((listener) => !listener.raw.isClosed);
    assert.ok(left.length > 0 && left.length < listenerCount, `${left.length} of ${listenerCount} are left`);
    await statusOf(server, mount, (view) => view['listeners'] === left.length);
    if (source.socket.destroyed) {
      // The source came in through the thread that crashed; its mount lingers for it.
      const { nextNumber } = source;
      source = await eventually('the source is back', () =>
        CountingSource.start({
          port: server.httpPort,
          mount,
          password: sourcePassword,
          firstNumber: nextNumber,
        }).catch(() => undefined),
      );
    }
    const before = left.map((listener) => listener.body.length);
    await Promise.all(left.map((listener, i) => listener.receive(before[i]! + 16_000)));
    const back = await listen(server, mount, listenerCount);
    listeners = [...left, ...back];
    await statusOf(server, mount, (view) => view['listeners'] === left.length + listenerCount);
    for (const listener of back)
      assert.equal(readCountingFrames(listener.body, countingFormats.mp3At128).tornBytes, 0);
  });
});

async function listen(server: ServerProcess, path: string, count: number): Promise<StreamClient[]> {
  const clients = Array.from({ length: count }, () => StreamClient.send({ port: server.httpPort, path }));
  for (const client of clients) assert.equal((await client.head()).status, 200);
  await Promise.all(clients.map((client) => client.receive(1)));
  return clients;
}

async function listenerIds(server: ServerProcess): Promise<number[]> {
  const text = await (await server.admin(`/admin/listclients?mount=${mount}`)).text();
  return [...text.matchAll(/<ID>(\d+)<\/ID>/g)].map(([, id]) => Number(id));
}

/** Ids of different threads lie far apart. */
async function threadsOfListeners(server: ServerProcess): Promise<Set<number>> {
  return new Set((await listenerIds(server)).map((id) => Math.floor(id / 2 ** 32)));
}
