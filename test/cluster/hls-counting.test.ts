/**
 * A listener of HLS is one listener of the fleet, to whichever edges a balancer sends its
 * requests: in the counts of every server, the peak, the limit of a mount, the hands of an
 * operator, and after an edge was lost.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingProgram } from '../programs.mjs';
import { AlternatingProxy } from '../support/alternating-proxy.ts';
import type { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { askEdge, comeOnAir, type HlsEdge, watchedAac } from '../support/hls-cluster.ts';
import { HlsListener, type HlsListenerOptions } from '../support/hls-listener.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { statusSources } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';
import { Fleet } from './fleet.ts';
import { FleetListener } from './fleet-listener.ts';

const skip = missingProgram('nats-server', 'redis-server');
const limited = '/limited.aac';
const single = '/single.aac';
/** docs/hls.md: after their last playlist. */
const idleMs = 20_000;
/** Who counts a listener hears of visits to other edges so often. */
const toldEveryMs = 3_000;
const sampleEveryMs = 50;

function iniOf(counting: string): string {
  const hls = `[Hls]\nSegmentDuration=1\nWindow=8\nCounting=${counting}\n`;
  return `${hls}[Mount ${limited}]\nMaxListeners=3\n[Mount ${single}]\nMaxListeners=1\n`;
}

/** A fleet, and whatever a test has on it. */
class Stage {
  readonly fleet: Fleet;
  readonly #closers: (() => unknown)[] = [];
  #listeners = 0;

  private constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  static async open(counting: string): Promise<Stage> {
    return new Stage(await Fleet.start({ ingests: 1, edges: 2, secured: true, ini: iniOf(counting) }));
  }

  async close(): Promise<void> {
    await Promise.all(this.#closers.map((close) => close()));
    await this.fleet.stop();
  }

  async source(mount: string): Promise<CountingSource> {
    const source = await comeOnAir(this.fleet.ingests[0]!, mount, watchedAac, 1, 1_000);
    this.#closers.push(() => source.destroy());
    return source;
  }

  /** Whose requests go to both edges in turn. */
  async listener(mount: string, options: Partial<HlsListenerOptions> = {}): Promise<HlsListener> {
    this.#listeners += 1;
    const n = this.#listeners;
    const who = { userAgent: `hls-${n}`, localAddress: `127.0.1.${n}`, turn: n };
    const listener = await HlsListener.join({ edges: this.fleet.edges, mount, ...who, ...options });
    this.#closers.push(() => listener.stop());
    return listener;
  }

  async listeners(mount: string, count: number): Promise<HlsListener[]> {
    const listeners: HlsListener[] = [];
    for (let n = 0; n < count; n += 1) listeners.push(await this.listener(mount));
    return listeners;
  }

  async onSocket(edge: ServerProcess, mount: string): Promise<FleetListener> {
    const listener = await FleetListener.open(edge, mount, { format: watchedAac });
    this.#closers.push(() => listener.close());
    return listener;
  }

  async proxy(): Promise<AlternatingProxy> {
    const proxy = await AlternatingProxy.start(this.fleet.edges);
    this.#closers.push(() => proxy.close());
    return proxy;
  }

  /** Waits until every server that is asked says so. */
  async everywhere(mount: string, count: number, timeoutMs = 10_000, servers = this.fleet.servers) {
    for (const server of servers)
      await eventually(
        `${server.url} counts ${count} of ${mount}`,
        async () => (await countsOf(server, mount)).listeners === count,
        timeoutMs,
      );
  }

  /** What all servers say, again and again for a while, each different answer once. */
  async sampled(mount: string, forMs: number, servers = this.fleet.servers): Promise<number[]> {
    const untilMs = performance.now() + forMs;
    const seen = new Set<number>();
    while (performance.now() < untilMs) {
      for (const server of servers) seen.add((await countsOf(server, mount)).listeners);
      await sleep(sampleEveryMs);
    }
    return [...seen].sort((a, b) => a - b);
  }

  async peaks(mount: string): Promise<number[]> {
    const alive = this.fleet.servers.filter(({ process: { signalCode } }) => signalCode === null);
    const counts = await Promise.all(alive.map((server) => countsOf(server, mount)));
    return [...new Set(counts.map(({ peak }) => peak))];
  }
}

for (const counting of ['token', 'address'] as const) {
  describe(`HLS listeners of a fleet, by ${counting}`, { skip, timeout: 180_000 }, () => {
    let stage: Stage;

    before(async () => {
      stage = await Stage.open(counting);
    });
    after(() => stage?.close());

    describe('who come and go', { concurrency: true }, () => {
      test('are counted once by every server, with those on sockets', async (t) => {
        const mount = '/live.aac';
        await stage.source(mount);
        const listeners = await stage.listeners(mount, 6);
        const { url } = await stage.proxy();
        for (let n = 0; n < 2; n += 1)
          listeners.push(await stage.listener(mount, { edges: [{ httpPort: Number(new URL(url).port) }] }));
        for (const edge of stage.fleet.edges) {
          await stage.onSocket(edge, mount);
          listeners.push(await stage.listener(mount, { edges: [edge] }));
        }
        await stage.everywhere(mount, 12);
        assert.deepEqual(await stage.sampled(mount, 8_000), [12], 'at no moment more or fewer');
        assert.deepEqual(await stage.peaks(mount), [12]);
        const listed = await clientsOf(stage.fleet.control!, mount);
        assert.equal(new Set(listed.map(({ id }) => id)).size, 12);
        for (const { userAgent } of listeners)
          assert.equal(listed.filter((client) => client.userAgent === userAgent).length, 1, userAgent);
        assertServed(t, listeners);
      });

      test('are gone 20 s after their last playlist, with one line in the access log', async (t) => {
        const mount = '/left.aac';
        await stage.source(mount);
        const [gone, ...others] = await stage.listeners(mount, 3);
        await stage.everywhere(mount, 3);
        // Long enough to have been served by both.
        await eventually('it has listened', () => gone!.playlists >= 4);
        await gone!.stop();
        const control = stage.fleet.control!;
        await eventually(
          'it is gone',
          async () => (await countsOf(control, mount)).listeners === 2,
          idleMs + 10_000,
        );
        const afterMs = performance.now() - gone!.askedMs;
        t.diagnostic(`gone ${Math.round(afterMs)} ms after its last playlist`);
        assert.ok(afterMs > idleMs - toldEveryMs && afterMs < idleMs + 3_000, `${afterMs} ms`);
        await stage.everywhere(mount, 2);
        assert.deepEqual(await stage.sampled(mount, 1_000), [2]);
        assert.deepEqual(await stage.peaks(mount), [3]);
        const lines = await eventually('the line is written', async () => {
          const logs = await Promise.all(stage.fleet.edges.map(accessLogOf));
          const found = logs.flat().filter((line) => line.includes(`"${gone!.userAgent}"`));
          return found.length > 0 && found;
        });
        assert.equal(lines.length, 1, lines.join('\n'));
        assertServed(t, others);
      });

      test('are killed from any server, and shut out by every edge', async () => {
        const mount = '/killed.aac';
        await stage.source(mount);
        const { control, edges, ingests } = stage.fleet;
        const listeners = await stage.listeners(mount, 5);
        await stage.everywhere(mount, 5);
        const askers = [control!, edges[0]!, edges[1]!, ingests[0]!];
        for (const [i, asker] of askers.entries()) {
          const victim = listeners[i]!;
          const listed = await clientsOf(asker, mount);
          const { id } = listed.find(({ userAgent }) => userAgent === victim.userAgent)!;
          const answer = await asker.admin(`/admin/killclient?mount=${mount}&id=${id}`);
          assert.match(await answer.text(), /removed<\/message><return>1</);
          await eventually('both edges have refused it', () => victim.refusals.length >= 2);
          assert.deepEqual([...new Set(victim.refusals)], ['403 Listener was disconnected']);
          await stage.everywhere(mount, 4 - i);
        }
        assert.deepEqual(listeners[4]!.refusals, []);
        assert.deepEqual(await stage.sampled(mount, 1_000), [1]);
      });

      test('fill a mount over all edges: newcomers are refused, whoever is there goes on', async (t) => {
        await stage.source(limited);
        const { edges } = stage.fleet;
        const [first, second] = await stage.listeners(limited, 2);
        await stage.onSocket(edges[0]!, limited);
        await stage.everywhere(limited, 3);
        // An edge looks a few times a second how many the others have.
        assert.deepEqual(await stage.sampled(limited, 1_000), [3]);
        const refused: HlsListener[] = [];
        for (const edge of edges) {
          const newcomer = await stage.listener(limited, { edges: [edge] });
          assert.equal(newcomer.playlists, 0);
          refused.push(newcomer);
          const onSocket = await StreamClient.ask({ port: edge.httpPort, path: limited });
          assert.deepEqual([onSocket.status, onSocket.body], [503, 'Too many listeners\r\n']);
        }
        // As those who are let in, they ask on.
        await eventually('they have asked again', () => refused.every(({ refusals }) => refusals.length > 2));
        await Promise.all(refused.map((newcomer) => newcomer.stop()));
        for (const { refusals } of refused)
          assert.deepEqual([...new Set(refusals)], ['503 Too many listeners']);
        assert.deepEqual(await stage.sampled(limited, 1_000), [3]);
        await first!.stop();
        await stage.everywhere(limited, 2, idleMs + 10_000);
        const next = await stage.listener(limited);
        await eventually('there is room again', () => next.playlists > 1, 3_000);
        await stage.everywhere(limited, 3);
        assertServed(t, [second!]);
        assert.deepEqual(await stage.peaks(limited), [3]);
      });

      test('who comes back to a mount that filled up meanwhile is refused by every edge', async (t) => {
        await stage.source(single);
        const [edge, other] = stage.fleet.edges;
        const headers = { 'user-agent': 'who-comes-back' };
        const master = await eventually('it is on air', async () => {
          const reply = await askEdge(edge!, `${single}/playlist.m3u8`, headers);
          return reply.status === 200 && reply;
        });
        const playlist = `${single}/${master.body.toString().match(/^[^#\s].*$/m)![0]}`;
        const statusAt = async (asked: HlsEdge) => (await askEdge(asked, playlist, headers)).status;
        assert.equal(await statusAt(edge!), 200);
        await stage.everywhere(single, 1);
        assert.equal(await statusAt(other!), 200, 'it may come to the other edge while it listens');
        const leftMs = performance.now();
        await stage.everywhere(single, 0, idleMs + 10_000);
        const next = await stage.listener(single, { edges: [edge!] });
        await stage.everywhere(single, 1);
        // An edge looks a few times a second how many the others have.
        assert.deepEqual(await stage.sampled(single, 1_000), [1]);
        const awayMs = performance.now() - leftMs;
        t.diagnostic(`back after ${Math.round(awayMs)} ms`);
        assert.ok(awayMs < 45_000, 'as long as edges would know who was not said to have left');
        for (const asked of [other!, edge!]) {
          const { status, body } = await askEdge(asked, playlist, headers);
          assert.deepEqual([status, body.toString()], [503, 'Too many listeners\r\n']);
        }
        assert.deepEqual(await stage.sampled(single, 5_000), [1]);
        assert.deepEqual(await stage.peaks(single), [1]);
        assertServed(t, [next]);
      });
    });

    test('an edge is killed: in 15 s its listeners are counted by the other one', async (t) => {
      const mount = '/lost.aac';
      await stage.source(mount);
      const [edge, victim] = stage.fleet.edges;
      // A balancer that sees at once that one is gone.
      const behind: HlsEdge[] = [edge!, victim!];
      const listeners: HlsListener[] = [];
      for (let n = 0; n < 5; n += 1) listeners.push(await stage.listener(mount, { edges: behind }));
      for (const each of [edge!, victim!]) await stage.onSocket(each, mount);
      await stage.everywhere(mount, 7);
      victim!.process.kill('SIGKILL');
      behind.pop();
      const killedMs = performance.now();
      const left = stage.fleet.servers.filter((server) => server !== victim);
      await sleep(1_000);
      await stage.everywhere(mount, 6, 14_000, left);
      const afterMs = performance.now() - killedMs;
      t.diagnostic(`right after ${Math.round(afterMs)} ms`);
      assert.ok(afterMs < 15_000);
      assert.deepEqual(await stage.sampled(mount, 5_000, left), [6]);
      assert.deepEqual(await stage.peaks(mount), [7], 'nobody was more than one listener on the way');
      assertServed(t, listeners);
    });
  });
}

test('HLS listeners of a fleet, counting off: nobody is counted, told apart or refused', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const stage = await Stage.open('off');
  t.after(() => stage.close());
  await stage.source(limited);
  const listeners = await stage.listeners(limited, 5);
  await stage.onSocket(stage.fleet.edges[0]!, limited);
  await stage.everywhere(limited, 1);
  assert.deepEqual(await stage.sampled(limited, 3_000), [1]);
  const { body } = await askEdge(stage.fleet.edges[0]!, `${limited}/playlist.m3u8`);
  assert.doesNotMatch(body.toString(), /\?s=/);
  assert.equal((await clientsOf(stage.fleet.control!, limited)).length, 1);
  assertServed(t, listeners);
});

/** None was ever refused, and all had the audio. */
function assertServed(t: TestContext, listeners: readonly HlsListener[]): void {
  for (const { userAgent, refusals, playlists, segments } of listeners) {
    assert.deepEqual(refusals, [], userAgent);
    assert.ok(playlists > 1 && segments > 1, `${userAgent}: ${playlists} playlists, ${segments} segments`);
  }
  t.diagnostic(`${listeners.map(({ playlists }) => playlists).join(', ')} playlists`);
}

async function countsOf(
  server: ServerProcess,
  mount: string,
): Promise<{ readonly listeners: number; readonly peak: number }> {
  const source = (await statusSources(server)).get(mount);
  return { listeners: Number(source?.['listeners']), peak: Number(source?.['listener_peak']) };
}

async function clientsOf(
  server: ServerProcess,
  mount: string,
): Promise<{ readonly id: string; readonly userAgent: string }[]> {
  const page = await (await server.admin(`/admin/listclients?mount=${mount}`)).text();
  return (page.match(/<listener>[\s\S]*?<\/listener>/g) ?? []).map((client) => ({
    id: /<ID>(\d+)</.exec(client)?.[1] ?? '',
    userAgent: /<UserAgent>([^<]*)</.exec(client)?.[1] ?? '',
  }));
}

async function accessLogOf({ folder }: ServerProcess): Promise<string[]> {
  return (await readFile(`${folder}/data/access.log`, 'utf8').catch(() => '')).split('\n');
}
