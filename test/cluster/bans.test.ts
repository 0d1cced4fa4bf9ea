/**
 * A ban that is set at any server of a fleet holds at every edge, within a second for those who
 * listen, and goes on to hold while the store is away.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import type { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { comeOnAir, watchedAac } from '../support/hls-cluster.ts';
import { HlsListener } from '../support/hls-listener.ts';
import { RedisServer } from '../support/redis-server.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { metricOf, statusOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';
import { Fleet } from './fleet.ts';

const skip = missingProgram('nats-server', 'redis-server');
const [villain, bystander] = ['127.0.2.1', '127.0.3.1'];
const soonMs = 1_000;

describe('bans of a fleet', { skip, timeout: 120_000 }, () => {
  let fleet: Fleet;
  const opened: { stop(): unknown }[] = [];

  before(async () => {
    // NATS as it is deployed: each role with no more rights than it needs.
    fleet = await Fleet.start({ ingests: 1, edges: 2, secured: true, ini: '[Hls]\nSegmentDuration=1\n' });
  });
  after(async () => {
    for (const listener of opened) await listener.stop();
    await fleet?.stop();
  });

  /** A mount that both edges know. */
  async function onAir(mount: string): Promise<CountingSource> {
    const source = await comeOnAir(fleet.ingests[0]!, mount, watchedAac, 1, 1_000);
    opened.push({ stop: () => source.destroy() });
    for (const edge of fleet.edges) await statusOf(edge, mount);
    return source;
  }

  async function listen(edge: ServerProcess, mount: string, localAddress: string): Promise<StreamClient> {
    const client = await StreamClient.open({ port: edge.httpPort, path: mount, localAddress });
    assert.equal((await client.head()).status, 200);
    await client.receive(4_000);
    return client;
  }

  async function player(mount: string, localAddress: string): Promise<HlsListener> {
    const { edges } = fleet;
    const options = { edges, mount, localAddress, userAgent: localAddress, askEveryMs: 200 };
    const listener = await HlsListener.join(options);
    opened.push(listener);
    return listener;
  }

  async function statusAt(edge: ServerProcess, mount: string, localAddress = villain): Promise<number> {
    const request = { port: edge.httpPort, path: mount, localAddress, method: 'HEAD' };
    return (await StreamClient.ask(request)).status;
  }

  const everywhere = (mount: string, status: number) =>
    eventually(`both edges answer ${status}`, async () => {
      const answers = await Promise.all(fleet.edges.map((edge) => statusAt(edge, mount)));
      return answers.every((answer) => answer === status);
    });

  for (const role of ['edge', 'ingest', 'control'] as const) {
    test(`set at one server (${role}): listeners end at both edges, and both refuse`, async (t) => {
      const mount = `/${role}.aac`;
      const source = await onAir(mount);
      const asked = { edge: fleet.edges[0]!, ingest: fleet.ingests[0]!, control: fleet.control! }[role];
      const banned = await Promise.all(fleet.edges.map((edge) => listen(edge, mount, villain)));
      const free = await Promise.all(fleet.edges.map((edge) => listen(edge, mount, bystander)));
      const hls = await player(mount, villain);
      const hlsFree = await player(mount, bystander);
      await statusOf(fleet.control!, mount, ({ listeners }) => listeners === 6);
      const bannedMs = performance.now();
      assert.match(
        await (await asked.admin(`/admin/ban?ip=${villain}/30`)).text(),
        /Banned 127\.0\.2\.0\/30</,
      );
      await Promise.all(banned.map((client) => client.raw.closed(soonMs)));
      await eventually('the player is refused', () => hls.refusals.length > 0, soonMs);
      t.diagnostic(`ended at both edges after ${Math.round(performance.now() - bannedMs)} ms`);
      await statusOf(fleet.control!, mount, ({ listeners }) => listeners === 3);
      for (const edge of fleet.edges) assert.equal(await statusAt(edge, mount), 403);
      await eventually('the player is refused by both', () => hls.refusals.length > 3);
      assert.deepEqual(hlsFree.refusals, []);
      for (const client of free) {
        const heard = client.body.byteLength;
        await eventually('others hear on', () => client.body.byteLength > heard + 8_000);
        client.close();
      }
      for (const server of fleet.servers)
        assert.match(await (await server.admin('/admin/listbans')).text(), /<Bans>1<\/Bans>/, server.url);

      const other = fleet.edges[1]!;
      assert.match(await (await other.admin(`/admin/unban?ip=${villain}/30`)).text(), /no longer banned/);
      await everywhere(mount, 200);
      const { playlists } = hls;
      await eventually('the player plays again', () => hls.playlists > playlists);
      await Promise.all([hls.stop(), hlsFree.stop()]);
      source.destroy();
    });
  }

  test('without the store those who are banned stay out, and nobody else is banned', async () => {
    const mount = '/storeless.aac';
    await onAir(mount);
    const redis = fleet.redis as RedisServer;
    assert.ok(redis instanceof RedisServer);
    const [first, second] = fleet.edges;
    await first!.admin(`/admin/ban?ip=${villain}`);
    await everywhere(mount, 403);
    await redis.kill();
    try {
      await eventually(
        'it is noticed',
        async () => (await metricOf(second!, 'legacystream_runtime_store_connected')) === 0,
      );
      for (const edge of [first!, second!]) {
        assert.equal(await statusAt(edge, mount), 403);
        assert.equal(await statusAt(edge, mount, bystander), 200);
        const refused = await edge.admin(`/admin/ban?ip=${bystander}`);
        assert.equal(refused.status, 503);
        assert.equal(await statusAt(edge, mount, bystander), 200);
      }
      // Longer than a reading that fails is tried again.
      const untilMs = performance.now() + 7_000;
      await eventually(
        'it goes on to hold',
        async () => {
          for (const edge of [first!, second!]) assert.equal(await statusAt(edge, mount), 403);
          return performance.now() > untilMs;
        },
        10_000,
      );
    } finally {
      await redis.restart();
    }
    // A store that comes back empty, as without a disk, has forgotten the bans.
    await everywhere(mount, 200);
    await eventually(
      'a ban can be set again',
      async () => (await second!.admin(`/admin/ban?ip=${villain}`)).status === 200,
    );
    await everywhere(mount, 403);
    await second!.admin(`/admin/unban?ip=${villain}`);
  });
});
