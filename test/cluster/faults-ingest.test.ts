/** The ingest that has the source is lost: killed, frozen, told to go. Listeners stay and hear on. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { metricOf, statusSources } from '../support/server-views.ts';
import { Fleet } from './fleet.ts';
import { FleetListener } from './fleet-listener.ts';
import { FleetSource } from './fleet-source.ts';

const skip = missingProgram('nats-server', 'redis-server');
const backWithinMs = 10_000;

describe('a fleet whose ingests are lost', { skip, timeout: 180_000 }, () => {
  let fleet: Fleet;
  const closers: (() => unknown)[] = [];

  before(async () => {
    fleet = await Fleet.start({ ingests: 4, edges: 2, control: false });
  });
  after(async () => {
    await Promise.all(closers.map((close) => close()));
    await fleet?.stop();
  });

  async function audienceOf(mount: string): Promise<FleetListener[]> {
    const audience = await Promise.all(fleet.edges.map((edge) => FleetListener.open(edge, mount)));
    closers.push(() => {
      for (const listener of audience) listener.close();
    });
    await eventually('everybody hears', () => audience.every((listener) => listener.read().count > 50));
    for (const listener of audience) listener.mark();
    return audience;
  }

  test('killed: the encoder comes back elsewhere, nobody is dropped, nothing is heard twice', async (t) => {
    const [owner, second] = fleet.ingests;
    const source = await FleetSource.start([owner!, second!], '/killed.mp3');
    closers.push(() => source.stop());
    const audience = await audienceOf('/killed.mp3');
    owner!.process.kill('SIGKILL');
    for (const listener of audience) {
      await eventually('it hears the second connection', () => listener.heardOf(2) > 50, backWithinMs);
      listener.assertClean('a listener');
      t.diagnostic(`longest silence ${Math.round(listener.silenceMs)} ms`);
    }
    assert.equal(source.connections, 2);
  });

  test('frozen: a newcomer takes over, and what the frozen one says when it wakes is heard by no one', async (t) => {
    const [, frozen, third] = fleet.ingests;
    const first = await CountingSource.start({ port: frozen!.httpPort, mount: '/frozen.mp3', id: 1 });
    closers.push(() => first.destroy());
    const audience = await audienceOf('/frozen.mp3');
    frozen!.process.kill('SIGSTOP');
    const second = await eventually('the newcomer is let in', () =>
      CountingSource.start({ port: third!.httpPort, mount: '/frozen.mp3', id: 2, headStartMs: 0 }).catch(
        () => undefined,
      ),
    );
    closers.push(() => second.destroy());
    for (const listener of audience) {
      await eventually('it hears the newcomer', () => listener.heardOf(2) > 50, backWithinMs);
      t.diagnostic(`longest silence ${Math.round(listener.silenceMs)} ms`);
    }
    const before = audience.map((listener) => listener.heardOf(1));
    frozen!.process.kill('SIGCONT');
    await eventually(
      'the frozen one lets its source go',
      () => first.socket.closed || first.socket.destroyed,
      15_000,
    );
    const heard = audience.map((listener) => listener.heardOf(2));
    for (const [i, listener] of audience.entries()) {
      await eventually('the newcomer stays on air', () => listener.heardOf(2) > heard[i]! + 50);
      assert.equal(listener.heardOf(1), before[i], 'nothing of the fenced source was heard');
      listener.assertClean('a listener');
    }
  });

  test('two encoders race for a mount on two ingests: one wins', async () => {
    const [, , third, fourth] = fleet.ingests;
    for (let round = 0; round < 5; round += 1) {
      const mount = `/race-${round}.mp3`;
      const outcomes = await Promise.allSettled(
        [third!, fourth!].map(({ httpPort: port }) => CountingSource.start({ port, mount })),
      );
      for (const outcome of outcomes)
        if (outcome.status === 'fulfilled') closers.push(() => outcome.value.destroy());
      assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    }
  });

  test('told to go: it releases its mount at once, and the encoder is on air elsewhere', async (t) => {
    const [, , third, fourth] = fleet.ingests;
    const source = await FleetSource.start([third!, fourth!], '/drained.mp3');
    closers.push(() => source.stop());
    const audience = await audienceOf('/drained.mp3');
    third!.process.kill('SIGTERM');
    for (const listener of audience) {
      await eventually('it hears the second connection', () => listener.heardOf(2) > 50, backWithinMs);
      listener.assertClean('a listener');
      t.diagnostic(`longest silence ${Math.round(listener.silenceMs)} ms`);
    }
    assert.deepEqual(source.refusals, [], 'nobody had to try twice');
    for (const edge of fleet.edges) {
      assert.equal(await metricOf(edge, 'legacystream_edge_messages_lost_total'), 0);
      assert.equal((await statusSources(edge)).has('/drained.mp3'), true);
    }
  });
});
