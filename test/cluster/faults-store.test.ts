/** The store is lost: its primary, or all of it. What is on air stays, and more can come. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingProgram } from '../programs.mjs';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { RedisSentinels, RedisServer } from '../support/redis-server.ts';
import { statusOf, statusSources } from '../support/server-views.ts';
import { Fleet } from './fleet.ts';
import { FleetListener } from './fleet-listener.ts';

const skip = missingProgram('nats-server', 'redis-server', 'redis-sentinel');
const mount = '/live.mp3';
const outageMs = 60_000;

/** Everything of a fleet that a lost store must not touch. */
class Station {
  readonly fleet: Fleet;
  readonly source: CountingSource;
  readonly audience: FleetListener[];
  readonly others: { destroy(): void }[] = [];

  private constructor(fleet: Fleet, source: CountingSource, audience: FleetListener[]) {
    this.fleet = fleet;
    this.source = source;
    this.audience = audience;
  }

  static async open(redis: 'single' | 'sentinel'): Promise<Station> {
    const fleet = await Fleet.start({ redis, ingests: 2, edges: 2, control: false });
    const source = await CountingSource.start({ port: fleet.ingests[0]!.httpPort, mount });
    const audience = await Promise.all(fleet.edges.map((edge) => FleetListener.open(edge, mount)));
    return new Station(fleet, source, audience);
  }

  async join(edge: number): Promise<void> {
    this.audience.push(await FleetListener.open(this.fleet.edges[edge]!, mount));
  }

  async assertOnAir(): Promise<void> {
    const goals = this.audience.map((listener) => listener.read().count + 50);
    await eventually('everybody hears on', () =>
      this.audience.every((listener, i) => listener.read().count >= goals[i]!),
    );
    for (const listener of this.audience) listener.assertWhole('a listener');
    assert.equal(this.source.socket.destroyed, false, 'the source is on air');
  }

  /** Every server counts all listeners. */
  async assertCounted(timeoutMs: number): Promise<void> {
    for (const server of this.fleet.servers) {
      await eventually(
        `${server.url} counts ${this.audience.length} listeners`,
        async () => (await statusSources(server)).get(mount)?.['listeners'] === this.audience.length,
        timeoutMs,
      );
    }
  }

  async close(): Promise<void> {
    for (const listener of this.audience) listener.close();
    for (const other of this.others) other.destroy();
    this.source.destroy();
    await this.fleet.stop();
  }
}

describe('a fleet whose primary store is lost', { skip, timeout: 120_000 }, () => {
  let station: Station;
  before(async () => {
    station = await Station.open('sentinel');
  });
  after(() => station?.close());

  for (const how of ['killed', 'frozen'] as const) {
    test(`${how}: nobody notices, and counts are right again`, async () => {
      const sentinels = station.fleet.redis as RedisSentinels;
      assert.ok(sentinels instanceof RedisSentinels);
      await station.assertCounted(15_000);
      const primary = await sentinels.primary();
      if (how === 'killed') await primary.kill();
      else primary.freeze();
      await station.join(0);
      await station.assertOnAir();
      await sentinels.failover(primary);
      await station.assertOnAir();
      await station.assertCounted(20_000);
      if (how === 'killed') await primary.restart();
      else primary.thaw();
    });
  }
});

describe('a fleet without its store', { skip, timeout: 180_000 }, () => {
  let station: Station;
  before(async () => {
    station = await Station.open('single');
  });
  after(() => station?.close());

  test(`${outageMs / 1000} s without it: sources and listeners stay, new ones of both come`, async () => {
    const { fleet } = station;
    const redis = fleet.redis as RedisServer;
    assert.ok(redis instanceof RedisServer);
    const goneAtMs = performance.now();
    await redis.kill();
    await station.join(1);
    const newcomer = await CountingSource.start({
      port: fleet.ingests[1]!.httpPort,
      mount: '/new.mp3',
      id: 2,
    });
    station.others.push(newcomer);
    await assert.rejects(
      CountingSource.start({ port: fleet.ingests[1]!.httpPort, mount, id: 3 }),
      /403/,
      'a mount that is on air is in use',
    );
    const listener = await eventually('the newcomer is heard', () =>
      FleetListener.open(fleet.edges[0]!, '/new.mp3').catch(() => undefined),
    );
    await eventually('its audio comes', () => listener.heardOf(2) > 50);
    newcomer.destroy();
    const back = await CountingSource.start({ port: fleet.ingests[0]!.httpPort, mount: '/new.mp3', id: 5 });
    station.others.push(back);
    await eventually('it is heard once more', () => listener.heardOf(5) > 50);
    await station.assertOnAir();
    await sleep(Math.max(0, outageMs - (performance.now() - goneAtMs)));
    await station.assertOnAir();
    await redis.restart();
    await station.assertCounted(20_000);
    await station.assertOnAir();
    for (const server of fleet.servers) await statusOf(server, '/new.mp3');
    assert.ok(listener.isConnected);
    listener.assertClean('a listener of the newcomer');
    assert.equal(back.socket.destroyed, false);
    await assert.rejects(
      CountingSource.start({ port: fleet.ingests[0]!.httpPort, mount: '/new.mp3', id: 4 }),
      /403/,
    );
    listener.close();
  });
});

describe('a standby mount of a fleet without its store', { skip, timeout: 120_000 }, () => {
  let fleet: Fleet;
  before(async () => {
    const ini = `[Mount ${mount}]\nTakeover=standby`;
    fleet = await Fleet.start({ ingests: 2, edges: 2, control: false, ini });
  });
  after(() => fleet?.stop());

  test('the pod on air is killed: the other source is heard, and keeps the mount when the store is back', async () => {
    const [ingest, other] = fleet.ingests;
    const first = await CountingSource.start({ port: ingest!.httpPort, mount, id: 1 });
    const audience = await Promise.all(fleet.edges.map((edge) => FleetListener.open(edge, mount)));
    const second = await CountingSource.start({ port: other!.httpPort, mount, id: 2 });
    await eventually('the first is heard', () => audience.every((listener) => listener.heardOf(1) > 50));
    const redis = fleet.redis as RedisServer;
    await redis.kill();
    // Long enough for calls to fail at once, and for the lease of the first to run out.
    await sleep(5_000);
    for (const listener of audience) listener.mark();
    await ingest!.kill();
    const goneAtMs = performance.now();
    await eventually('the second is heard', () => audience.every((listener) => listener.heardOf(2) > 50));
    const silences = audience.map(({ silenceMs }) => silenceMs);
    assert.ok(Math.max(...silences) < 3_000, `${silences} ms of silence`);
    // A lease of the first may still stand there: it is one of before.
    await sleep(Math.max(0, 8_000 - (performance.now() - goneAtMs)));
    await redis.restart();
    const heard = audience.map((listener) => listener.heardOf(2));
    await sleep(12_000);
    audience.forEach((listener, i) => {
      assert.ok(listener.heardOf(2) > heard[i]! + 300, 'the second goes on');
      listener.assertClean('a listener');
    });
    assert.equal(second.socket.destroyed, false);
    for (const edge of fleet.edges) await statusOf(edge, mount);
    for (const listener of audience) listener.close();
    for (const { socket } of [first, second]) socket.destroy();
  });
});
