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
  readonly directory = new MountDirectory(
    this.bus,
    {
      listDocuments: async (kind) => {
        assert.equal(kind, 'mount');
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
