/** Sources that wait on a `standby` mount while the store cannot be reached. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountId, Pod, Stage, twoPods } from '../../../test/support/standby-stage.ts';

test('while the store is away, one that drops or falls silent is followed all the same', async (t) => {
  const { stage, a, b, first, second } = await twoPods();
  stage.store.isAway = true;
  await stage.pass(5_000);
  first.isSilent = true;
  await stage.pass(1_000);
  stage.assertWhole([first, second]);
  assert.equal(a.registry.standbys, 1);
  first.isSilent = false;
  await stage.pass(3_000);
  second.feed!.end('closed');
  await stage.pass(1_000);
  stage.assertWhole([first, second, first]);
  t.diagnostic(`${stage.longestGapMs} ms without audio`);
  stage.store.isAway = false;
  await stage.pass(20_000);
  stage.assertWhole([first, second, first]);
  assert.equal(a.registry.count, 1);
  assert.equal(b.registry.standbys + b.registry.count, 0);
  assert.equal((await stage.store.readLease(mountId))?.epoch, stage.states.at(-1)!.epoch);
});

for (const downMs of [2_000, 30_000]) {
  test(`a pod that froze while the store was away for ${downMs} ms is heard no more, then or when the store is back`, async () => {
    const { stage, a, b, first, second } = await twoPods();
    stage.store.isAway = true;
    a.isFrozen = true;
    await stage.pass(1_000);
    stage.assertWhole([first, second]);
    a.isFrozen = false;
    await stage.pass(downMs);
    // Nobody told it by the store: it heard of the other one over the bus.
    assert.equal(a.registry.count, 0);
    assert.equal(a.registry.standbys, 1);
    stage.store.isAway = false;
    await stage.pass(15_000);
    stage.assertWhole([first, second]);
    assert.equal(b.registry.count, 1);
    assert.equal((await stage.store.readLease(mountId))?.epoch, stage.states.at(-1)!.epoch);
    second.feed!.end('closed');
    await stage.pass(1_000);
    stage.assertWhole([first, second, first]);
  });
}

test('of many that wait while the store is away one is on air, and all others go on waiting', async () => {
  const { stage, first } = await twoPods();
  const pods = ['c', 'd', 'e'].map((name) => new Pod(stage, `pod-${name}`));
  for (const pod of pods) await stage.connect(pod);
  await stage.pass(2_000);
  stage.store.isAway = true;
  first.feed!.end('closed');
  await stage.pass(5_000);
  const heard = stage.onAir;
  assert.ok(heard !== undefined && heard !== first.id);
  const before = stage.reader.frames.length;
  await stage.pass(5_000);
  assert.ok(stage.reader.frames.slice(before).every(({ source }) => source === heard));
  stage.store.isAway = false;
  await stage.pass(15_000);
  assert.equal(stage.onAir, heard);
  assert.equal(
    pods.reduce((sum, pod) => sum + pod.registry.count + pod.registry.standbys, 0),
    3,
  );
});

test('a source that comes to a standby mount while the store is away waits for the one on air', async () => {
  const stage = new Stage();
  const first = await stage.connect(new Pod(stage, 'pod-a'));
  await stage.pass(1_000);
  stage.store.isAway = true;
  const second = await stage.connect(new Pod(stage, 'pod-b'));
  await stage.pass(3_000);
  assert.deepEqual(stage.heard, [first.id]);
  first.feed!.end('closed');
  await stage.pass(1_000);
  stage.assertWhole([first, second]);
});
