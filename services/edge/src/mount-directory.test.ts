import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import type { Json } from '@legacystream/core/ports/state-store.ts';
import { mountState } from '../../../test/fixtures/mount-states.ts';
import { ScriptedBus } from '../../../test/fixtures/scripted-bus.ts';
import { MountDirectory } from './mount-directory.ts';

class Fleet {
  readonly bus = new ScriptedBus();
  readonly clock = new ManualClock();
  readonly subjects = new Subjects('test');
  readonly documents = new Map<string, Json>();
  storeIsAway = false;
  /** Readings of the store so far, and one that all wait for. */
  readings = 0;
  hold: Promise<void> | undefined;
  readonly directory = new MountDirectory(
    this.bus,
    {
      listDocuments: async (kind) => {
        assert.equal(kind, 'mount');
        this.readings += 1;
        await this.hold;
        if (this.storeIsAway) throw new Error('away');
        return this.documents;
      },
    },
    this.clock,
    this.subjects,
  );

  say(change: Partial<MountState> = {}): void {
    const state = mountState(change);
    this.bus.publish(this.subjects.state(mountIdOf(state.path)), Buffer.from(JSON.stringify(state)));
  }

  /** As the owner writes it into the store. */
  store(change: Partial<MountState> = {}): void {
    const state = mountState(change);
    this.documents.set(mountIdOf(state.path), state as unknown as Json);
  }

  /** Lets time pass in steps in which the store answers. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1_000) {
      this.clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  get status(): string | undefined {
    return this.directory.find('/live.mp3')?.status;
  }
}

const paths = (directory: MountDirectory) => directory.list().map(({ path }) => path);

test('what is said of a mount is known, sorted by path, until it has ended', () => {
  const fleet = new Fleet();
  fleet.say({ path: '/b.mp3' });
  fleet.say({ path: '/a.mp3' });
  assert.deepEqual(paths(fleet.directory), ['/a.mp3', '/b.mp3']);
  assert.equal(fleet.directory.find('/a.mp3')?.status, 'live');
  fleet.say({ path: '/a.mp3', revision: 2, status: 'ended' });
  assert.equal(fleet.directory.find('/a.mp3'), undefined);
  assert.deepEqual(paths(fleet.directory), ['/b.mp3']);
});

test('an older epoch or revision is ignored, whatever it says', () => {
  const fleet = new Fleet();
  const told: string[] = [];
  fleet.directory.watch(({ userAgent }) => told.push(userAgent));
  fleet.say({ epoch: 20, revision: 5, userAgent: 'new' });
  fleet.say({ epoch: 19, revision: 99, userAgent: 'superseded', status: 'ended' });
  fleet.say({ epoch: 20, revision: 4, userAgent: 'late', status: 'ended' });
  assert.deepEqual(told, ['new']);
  fleet.say({ epoch: 20, revision: 6, userAgent: 'next' });
  fleet.say({ epoch: 21, revision: 1, userAgent: 'another session' });
  assert.deepEqual(told, ['new', 'next', 'another session']);
});

test('what is no document, or is said under another name, is dropped and counted', () => {
  const fleet = new Fleet();
  const state = Buffer.from(JSON.stringify(mountState()));
  fleet.bus.publish(fleet.subjects.state('other'), state);
  fleet.bus.publish(fleet.subjects.state(mountIdOf('/live.mp3')), Buffer.from('{'));
  assert.equal(fleet.directory.malformed, 2);
  assert.deepEqual(paths(fleet.directory), []);
});

test('the store tells what was said before, as far as it makes sense and is not older', async () => {
  const fleet = new Fleet();
  fleet.say({ path: '/a.mp3', epoch: 30, userAgent: 'heard' });
  const put = (id: string, state: unknown) => fleet.documents.set(id, state as Json);
  put(mountIdOf('/a.mp3'), mountState({ path: '/a.mp3', epoch: 29, userAgent: 'stored' }));
  put(mountIdOf('/b.mp3'), mountState({ path: '/b.mp3' }));
  put('misplaced', mountState({ path: '/c.mp3' }));
  put('odd', { path: 5 });
  await fleet.directory.catchUp();
  assert.deepEqual(paths(fleet.directory), ['/a.mp3', '/b.mp3']);
  assert.equal(fleet.directory.find('/a.mp3')!.userAgent, 'heard');
  assert.equal(fleet.directory.malformed, 2);
  fleet.storeIsAway = true;
  await fleet.directory.catchUp();
});

test('a mount whose owner has fallen silent lingers, then ends', () => {
  const fleet = new Fleet();
  const told: string[] = [];
  fleet.directory.watch(({ status, droppedAtMs }) => told.push(`${status} ${droppedAtMs > 0}`));
  const startMs = fleet.clock.wallMs();
  fleet.say({ lingerMs: 10_000 });
  fleet.clock.advance(19_000);
  assert.equal(fleet.directory.find('/live.mp3')?.status, 'live');
  fleet.clock.advance(1_000);
  assert.equal(fleet.directory.find('/live.mp3')?.status, 'lingering');
  assert.equal(fleet.directory.find('/live.mp3')?.droppedAtMs, startMs);
  fleet.clock.advance(10_000);
  assert.equal(fleet.directory.find('/live.mp3')?.status, 'lingering');
  fleet.clock.advance(2_000);
  assert.equal(fleet.directory.find('/live.mp3'), undefined);
  assert.deepEqual(told, ['live false', 'lingering true', 'ended true']);
});

test('an owner that repeats itself keeps its mount alive, and one that is back has it again', () => {
  const fleet = new Fleet();
  for (let revision = 1; revision < 30; revision += 1) {
    fleet.say({ revision });
    fleet.clock.advance(5_000);
    assert.equal(fleet.directory.find('/live.mp3')?.status, 'live');
  }
  fleet.clock.advance(20_000);
  assert.equal(fleet.directory.find('/live.mp3')?.status, 'lingering');
  fleet.say({ revision: 30 });
  assert.equal(fleet.directory.find('/live.mp3')?.status, 'live');
});

test('who waits for a mount is told of the next word about it', async () => {
  const fleet = new Fleet();
  const [one, two, other] = ['/live.mp3', '/live.mp3', '/other.mp3'].map((path) =>
    fleet.directory.changed(path, 5_000),
  );
  fleet.say();
  assert.deepEqual(await Promise.all([one, two]), [true, true]);
  fleet.clock.advance(5_000);
  assert.equal(await other, false);
  fleet.directory.close();
  assert.equal(fleet.clock.pendingTimers, 0, 'no wait leaves a timer behind');
});

test('an ignored word wakes nobody', async () => {
  const fleet = new Fleet();
  fleet.say({ epoch: 20 });
  const waiting = fleet.directory.changed('/live.mp3', 1_000);
  fleet.say({ epoch: 19 });
  fleet.clock.advance(1_000);
  assert.equal(await waiting, false);
});

test('a watcher that has left hears nothing more, and after closing nobody does', () => {
  const fleet = new Fleet();
  let [left, stayed] = [0, 0];
  const leave = fleet.directory.watch(() => (left += 1));
  fleet.directory.watch(() => (stayed += 1));
  fleet.say();
  leave();
  fleet.say({ revision: 2 });
  fleet.directory.close();
  fleet.say({ revision: 3 });
  assert.deepEqual([left, stayed], [1, 2]);
  assert.equal(fleet.bus.subscriptions, 0);
});

test('a flood of invented mounts is remembered up to a bound', () => {
  const fleet = new Fleet();
  for (let i = 0; i < 50_500; i += 1) fleet.say({ path: `/m${i}` });
  assert.equal(fleet.directory.list().length, 50_000);
});

test('while the bus is away silence means nothing, and afterwards owners have all their time again', async () => {
  const fleet = new Fleet();
  fleet.say();
  fleet.say({ path: '/dropped.mp3', status: 'lingering', lingerMs: 5_000 });
  await fleet.pass(4_000);
  fleet.bus.connected = false;
  await fleet.pass(300_000);
  assert.deepEqual(paths(fleet.directory), ['/dropped.mp3', '/live.mp3']);
  fleet.bus.connected = true;
  await fleet.pass(19_000);
  assert.equal(fleet.status, 'live');
  assert.equal(fleet.directory.find('/dropped.mp3'), undefined);
  await fleet.pass(2_000);
  assert.equal(fleet.status, 'lingering', 'an owner that is still silent is gone');
});

test('what was said while the bus was away is read from the store when it is back', async () => {
  const fleet = new Fleet();
  fleet.say();
  fleet.bus.connected = false;
  fleet.storeIsAway = true;
  await fleet.pass(20_000);
  fleet.storeIsAway = false;
  await fleet.pass(5_000);
  const { readings } = fleet;
  fleet.store({ epoch: 11, userAgent: 'moved' });
  fleet.bus.connected = true;
  await fleet.pass(1_000);
  assert.equal(fleet.readings, readings + 1);
  assert.equal(fleet.directory.find('/live.mp3')?.userAgent, 'moved');
});

test('the store makes up for words that were lost, one reading at a time', async () => {
  const fleet = new Fleet();
  fleet.store();
  await fleet.pass(11_000);
  assert.equal(fleet.status, 'live');
  for (let revision = 2; revision < 12; revision += 1) {
    fleet.store({ revision });
    await fleet.pass(10_000);
    assert.equal(fleet.status, 'live');
  }
  assert.ok(fleet.readings >= 10 && fleet.readings <= 12, `${fleet.readings} readings`);
  let release = () => {};
  fleet.hold = new Promise((resolve) => {
    release = resolve;
  });
  await fleet.pass(10_000);
  const { readings } = fleet;
  await fleet.pass(60_000);
  assert.equal(fleet.readings, readings);
  release();
  await fleet.pass(12_000);
  assert.equal(fleet.readings, readings + 2);
});

test('a document that says nothing new is no sign of life, and raises no mount that has ended', async () => {
  const fleet = new Fleet();
  const told: string[] = [];
  fleet.directory.watch(({ status }) => told.push(status));
  fleet.store({ lingerMs: 10_000 });
  await fleet.pass(300_000);
  fleet.store({ status: 'ended' });
  await fleet.pass(300_000);
  assert.deepEqual(told, ['live', 'lingering', 'ended']);
});

test('a reading that was slower than the end of its mount does not raise it', async () => {
  const fleet = new Fleet();
  fleet.say();
  let release = () => {};
  fleet.hold = new Promise((resolve) => {
    release = resolve;
  });
  fleet.store();
  const reading = fleet.directory.catchUp();
  fleet.say({ revision: 2, status: 'ended' });
  await fleet.pass(30_000);
  release();
  await reading;
  assert.equal(fleet.status, undefined);
});
