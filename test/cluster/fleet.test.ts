/** A cluster that is well: sources to an ingest, listeners on every edge, operators anywhere. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { statusSources } from '../support/server-views.ts';
import { Fleet } from './fleet.ts';
import { FleetListener } from './fleet-listener.ts';

const skip = missingProgram('nats-server', 'redis-server');
const mount = '/live.mp3';

describeCluster(false);
describeCluster(true);

function describeCluster(secured: boolean): void {
  describe(`a cluster${secured ? ' whose bus gives each role its rights' : ''}`, {
    skip,
    timeout: 120_000,
  }, () => {
    let fleet: Fleet;
    let source: CountingSource;
    const listeners: FleetListener[] = [];

    before(async () => {
      fleet = await Fleet.start({ ingests: 2, edges: 2, secured });
      source = await CountingSource.start({ port: fleet.ingests[0]!.httpPort, mount });
    });
    after(async () => {
      for (const listener of listeners) listener.close();
      source?.destroy();
      await fleet?.stop();
    });

    test('listeners of both edges hear the same frames, each once', async () => {
      for (const edge of fleet.edges) listeners.push(await FleetListener.open(edge, mount));
      await eventually('both have heard 100 frames', () =>
        listeners.every(({ client }) => client.body.length > 60_000),
      );
      const [first, second] = listeners.map((listener) => listener.read());
      for (const listener of listeners) listener.assertWhole('a listener');
      const common = first!.numbers.filter((number) => number >= second!.first! && number <= second!.last!);
      assert.ok(common.length > 50);
      assert.deepEqual(
        common,
        second!.numbers.filter((number) => number <= first!.last!),
      );
    });

    test('every server says the same of it', async () => {
      for (const server of fleet.servers) {
        await eventually(`${server.url} counts both listeners`, async () => {
          const sources = await statusSources(server);
          return [...sources.values()].some(({ listeners: count }) => count === 2);
        });
      }
    });

    test('a title that any server is told is heard everywhere', async () => {
      for (const [i, server] of fleet.servers.entries()) {
        const song = `Title ${i}`;
        const answer = await server.admin(
          `/admin/metadata?mode=updinfo&mount=${mount}&song=${encodeURIComponent(song)}`,
        );
        assert.equal(answer.status, 200);
        for (const other of fleet.servers) {
          await eventually(`${other.url} shows ${song}`, async () => {
            const [shown] = (await statusSources(other)).values();
            return shown?.['title'] === song;
          });
        }
      }
    });

    test('a client is killed from a server that does not serve it', async () => {
      const victim = await FleetListener.open(fleet.edges[1]!, mount, { userAgent: 'victim' });
      listeners.push(victim);
      const clients = await eventually('control lists it', async () => {
        const page = await (await fleet.control!.admin(`/admin/listclients?mount=${mount}`)).text();
        const found = page.match(/<listener[\s\S]*?<\/listener>/g) ?? [];
        return found.length === 3 ? found : undefined;
      });
      const idOf = (client: string) => Number(/<ID>(\d+)<\/ID>/i.exec(client)?.[1]);
      assert.equal(new Set(clients.map(idOf)).size, 3, 'ids of different edges differ');
      const id = idOf(clients.find((client) => client.includes('victim'))!);
      const answer = await fleet.ingests[0]!.admin(`/admin/killclient?mount=${mount}&id=${id}`);
      assert.equal(answer.status, 200);
      await eventually('it is gone', () => !victim.isConnected);
      assert.deepEqual(
        listeners.slice(0, 2).map(({ isConnected }) => isConnected),
        [true, true],
      );
    });

    test('a mount on air refuses a second source on another ingest', async () => {
      await assert.rejects(CountingSource.start({ port: fleet.ingests[1]!.httpPort, mount }), /403/);
    });

    test('a source that drops comes back on the other ingest, listeners kept', async () => {
      const numbers = source.nextNumber;
      source.destroy();
      await source.closed;
      // Whoever is there a moment too early is told that the mount is in use, and tries again.
      source = await eventually('it is let in', () =>
        CountingSource.start({
          port: fleet.ingests[1]!.httpPort,
          mount,
          id: 2,
          firstNumber: numbers + 1_000,
          headStartMs: 0,
        }).catch(() => undefined),
      );
      for (const listener of listeners.slice(0, 2)) {
        await eventually('it hears the new source', () =>
          listener.read().frames.some(({ source: id }) => id === 2),
        );
        const heard = listener.read();
        assert.equal(heard.tornBytes, 0);
        assert.ok(listener.isConnected);
      }
    });

    test('nothing is left of a listener that went', async () => {
      listeners[0]!.close();
      for (const server of fleet.servers) {
        await eventually(`${server.url} counts one listener`, async () => {
          const [shown] = (await statusSources(server)).values();
          return shown?.['listeners'] === 1;
        });
      }
    });

    test('a source that is killed from an edge takes its mount along', async () => {
      const answer = await fleet.edges[0]!.admin(`/admin/killsource?mount=${mount}`);
      assert.equal(answer.status, 200);
      await source.closed;
      await eventually('its listeners are sent away', () =>
        listeners.every(({ isConnected }) => !isConnected),
      );
      for (const server of fleet.servers) {
        await eventually(`${server.url} has no mount`, async () => (await statusSources(server)).size === 0);
      }
    });

    test('the bus has refused nobody', () => {
      for (const server of fleet.servers) {
        const refused = server.lines.filter(({ event }) => event === 'bus.refused' || event === 'bus.error');
        assert.deepEqual(refused, []);
      }
    });
  });
}
