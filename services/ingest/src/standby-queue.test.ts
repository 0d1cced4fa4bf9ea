/** Sources that wait on a `standby` mount: who is on air, and how soon. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countingFormats, countingFrame } from '../../../test/support/counting-frames.ts';
import { format, Pod, path, Stage, settings, twoPods } from '../../../test/support/standby-stage.ts';
import { maxStandbys } from './source-registry.ts';

test('an encoder that drops is followed by the one that waits on another pod', async (t) => {
  const { stage, a, b, first, second } = await twoPods();
  first.feed!.end('closed');
  await stage.pass(1_000);
  stage.assertWhole([first, second]);
  assert.equal(first.ended, 'closed');
  assert.equal(a.registry.count, 0);
  assert.equal(b.registry.count, 1);
  assert.equal(b.registry.standbys, 0);
  assert.deepEqual([...b.registry.switches], [['free', 1]]);
  t.diagnostic(`${stage.longestGapMs} ms without audio`);
});

test('it begins with its newest audio, not with what it has kept for long', async () => {
  const { stage, first, second } = await twoPods();
  const before = second.nextNumber;
  first.feed!.end('closed');
  await stage.pass(500);
  const begun = stage.reader.frames.find(({ source }) => source === second.id)!;
  const said = `frame ${begun.number}, and ${before} were sent`;
  assert.ok(begun.number < before && begun.number > before - 250 / format.frameMs, said);
});

test('an encoder that falls silent is followed within a second, waits, and takes back nothing', async (t) => {
  const { stage, a, b, first, second } = await twoPods();
  first.isSilent = true;
  await stage.pass(1_000);
  stage.assertWhole([first, second]);
  t.diagnostic(`${stage.longestGapMs} ms without audio`);
  assert.equal(first.ended, undefined);
  assert.equal(a.registry.standbys, 1);
  assert.ok(stage.states.every(({ status }) => status === 'live'));
  first.isSilent = false;
  await stage.pass(5_000);
  stage.assertWhole([first, second]);
  assert.equal(a.count('source.standby'), 1);
  second.feed!.end('closed');
  await stage.pass(1_000);
  stage.assertWhole([first, second, first]);
  assert.deepEqual([...b.registry.switches.keys(), ...a.registry.switches.keys()], ['silent', 'free']);
});

test('half a frame that the silent one sent last is heard by nobody, nor torn when it comes back', async () => {
  const { stage, first, second } = await twoPods();
  first.isSilent = true;
  const half = countingFrame(first.nextNumber, format, first.id);
  first.feed!.receive(half.subarray(0, 100));
  await stage.pass(1_200);
  first.feed!.receive(half.subarray(100));
  first.nextNumber += 1;
  first.isSilent = false;
  await stage.pass(500);
  second.isSilent = true;
  await stage.pass(1_000);
  stage.assertWhole([first, second, first]);
});

for (const lumpMs of [500, 1_000]) {
  test(`an encoder that delivers every ${lumpMs} ms stays on air`, async () => {
    const stage = new Stage();
    const first = await stage.connect(new Pod(stage, 'pod-a'));
    first.lumpMs = lumpMs;
    await stage.pass(1_500);
    await stage.connect(new Pod(stage, 'pod-b'));
    await stage.pass(20_000);
    assert.deepEqual(stage.heard, [first.id]);
    first.isSilent = true;
    await stage.pass(2_000);
    assert.equal(stage.heard.length, 2);
  });
}

test('a pod that stands still loses its mount within a second, and waits as soon as it goes on', async (t) => {
  const { stage, a, b, first, second } = await twoPods();
  a.isFrozen = true;
  await stage.pass(1_000);
  stage.assertWhole([first, second]);
  assert.deepEqual([...b.registry.switches], [['unreachable', 1]]);
  t.diagnostic(`${stage.longestGapMs} ms without audio`);
  a.isFrozen = false;
  await stage.pass(20);
  assert.equal(a.registry.count, 0);
  await stage.pass(2_000);
  stage.assertWhole([first, second]);
  assert.equal(a.registry.standbys, 1);
  second.feed!.end('closed');
  await stage.pass(1_000);
  stage.assertWhole([first, second, first]);
});

test('a pod that stood still does not take its own source for silent', async () => {
  const stage = new Stage();
  const pod = new Pod(stage, 'pod-a');
  const first = await stage.connect(pod);
  await stage.pass(500);
  await stage.connect(pod);
  await stage.pass(1_000);
  pod.isFrozen = true;
  await stage.pass(3_000);
  pod.isFrozen = false;
  // What it sent meanwhile is read after what the other one sent.
  first.isSilent = true;
  await stage.pass(400);
  first.isSilent = false;
  await stage.pass(2_000);
  assert.deepEqual(stage.heard, [first.id]);
});

test('a pod that is killed is followed within a second', async (t) => {
  const { stage, a, b, first, second } = await twoPods();
  a.isFrozen = true;
  a.bus.die();
  await stage.pass(1_000);
  stage.assertWhole([first, second]);
  assert.equal(b.registry.count, 1);
  t.diagnostic(`${stage.longestGapMs} ms without audio`);
});

test('a pod that is cut off from the bus takes no mount from one that is not', async () => {
  const { stage, a, b, first } = await twoPods();
  b.bus.isCutOff = true;
  await stage.pass(3_000);
  assert.deepEqual(stage.heard, [first.id]);
  assert.equal(a.registry.count, 1);
  assert.equal(b.registry.count, 0);
});

test('of many that wait on several pods one has the mount, and no other is thrown off', async () => {
  const { stage, a, b, first, second } = await twoPods();
  const more = [await stage.connect(a), await stage.connect(b), await stage.connect(a)];
  await stage.pass(1_000);
  let last = first;
  const order = [first];
  for (const _ of more) {
    last.feed!.end('closed');
    await stage.pass(2_000);
    last = [second, ...more].find(({ id }) => id === stage.onAir)!;
    order.push(last);
    stage.assertWhole(order);
    assert.equal(a.registry.count + b.registry.count, 1);
  }
  assert.equal(new Set(order).size, order.length);
});

test('on one pod the first to come is the first to go on air, at once', async () => {
  const stage = new Stage();
  const pod = new Pod(stage, 'pod-a');
  const encoders = [];
  for (let i = 0; i < 4; i += 1) {
    encoders.push(await stage.connect(pod));
    await stage.pass(500);
  }
  stage.longestGapMs = 0;
  for (const encoder of encoders.slice(0, -1)) {
    encoder.feed!.end('closed');
    await stage.pass(1_000);
  }
  stage.assertWhole(encoders);
  assert.ok(stage.longestGapMs <= 150, `${stage.longestGapMs} ms without audio`);
});

test('one that is silent itself does not go on air before it delivers', async () => {
  const { stage, first, second } = await twoPods();
  second.isSilent = true;
  await stage.pass(1_000);
  first.feed!.end('closed');
  await stage.pass(1_000);
  assert.equal(stage.states.at(-1)!.status, 'lingering');
  second.isSilent = false;
  await stage.pass(200);
  assert.equal(stage.onAir, second.id);
  assert.equal(stage.states.at(-1)!.status, 'live');
});

test('one that only waits and never delivers is closed when its time is up', async () => {
  const { stage, b, second } = await twoPods();
  second.isSilent = true;
  await stage.pass(settings.streaming.sourceTimeout * 1000 + 500);
  assert.equal(second.ended, 'timeout');
  assert.equal(b.registry.standbys, 0);
  assert.equal(b.count('standby.disconnected'), 1);
});

test('an operator who ends the source on air hands the mount to the one that waits', async () => {
  const { stage, first, second } = await twoPods();
  await stage.ask({ op: 'kill' });
  await stage.pass(1_000);
  assert.equal(first.ended, 'killed');
  stage.assertWhole([first, second]);
});

test('an operator who ends the last source ends the mount', async () => {
  const { stage, first, second } = await twoPods();
  second.feed!.end('closed');
  await stage.pass(2_000);
  await stage.ask({ op: 'kill' });
  await stage.pass(100);
  assert.equal(first.ended, 'killed');
  assert.equal(stage.states.at(-1)!.status, 'ended');
});

test('a pod that shuts down lets all go, and another pod goes on', async () => {
  const { stage, a, b, first, second } = await twoPods();
  const waiting = await stage.connect(a);
  await stage.pass(500);
  a.registry.closeAll('shutdown');
  await stage.pass(1_000);
  assert.equal(first.ended, 'shutdown');
  assert.equal(waiting.ended, 'shutdown');
  stage.assertWhole([first, second]);
  assert.equal(b.registry.count, 1);
  await assert.rejects(a.registry.claim(path), { code: 'LS_CLOSED' });
});

test('no more may wait than have a place, and a place that is left is free', async () => {
  const { stage, b, second } = await twoPods();
  for (let i = 1; i < maxStandbys; i += 1) await stage.connect(b);
  await assert.rejects(b.registry.claim(path), { code: 'LS_MOUNT_IN_USE' });
  second.feed!.end('closed');
  const place = await b.registry.claim(path);
  await assert.rejects(b.registry.claim(path), { code: 'LS_MOUNT_IN_USE' });
  await place.release();
  await stage.connect(b);
});

test('titles of the one that waits are heard when it is on air, and the history goes on', async () => {
  const { stage, first, second } = await twoPods();
  await stage.ask({ op: 'title', title: 'Old', artist: '', url: '' });
  await stage.pass(100);
  second.feed!.setTitle('Waiting', '', '');
  await stage.pass(1_000);
  assert.equal(stage.titles.at(-1), 'Old');
  first.feed!.end('closed');
  await stage.pass(500);
  assert.equal(stage.titles.at(-1), 'Waiting');
  const { nowPlaying, history } = stage.states.at(-1)!;
  assert.equal(nowPlaying.display, 'Waiting');
  assert.deepEqual(
    history.map(({ display }) => display),
    ['Waiting', 'Old'],
  );
});

test('a title that is newer than what the waiting one said stays', async () => {
  const { stage, first, second } = await twoPods();
  second.feed!.setTitle('Waiting', '', '');
  await stage.pass(100);
  await stage.ask({ op: 'title', title: 'Newer', artist: '', url: '' });
  await stage.pass(500);
  first.feed!.end('closed');
  await stage.pass(500);
  assert.equal(stage.onAir, second.id);
  assert.equal(stage.titles.at(-1), 'Newer');
});

test('one that sends another codec than that on air is sent away once that is known', async () => {
  const { stage, b, first, second } = await twoPods();
  const other = await stage.connect(b, 'audio/aac');
  const aac = countingFormats.largeAac;
  for (let i = 0; i < 30 && !other.ended; i += 1) {
    other.feed!.receive(countingFrame(i, aac, other.id));
    other.isSilent = true;
    await stage.pass(20);
  }
  assert.equal(other.ended, 'wrong-codec');
  assert.equal(second.ended, undefined);
  assert.match(String(b.log.lines.at(-2)?.fields['reason']), /sends aac, and mp3 is on air/);
  stage.assertWhole([first]);
});

test('nothing is left of a mount when all of its sources are gone', async () => {
  const { stage, a, b, first, second } = await twoPods();
  first.feed!.end('closed');
  await stage.pass(1_000);
  second.feed!.end('closed');
  await stage.pass(5_000);
  assert.equal(a.registry.count + b.registry.count + a.registry.standbys + b.registry.standbys, 0);
  assert.equal(stage.states.at(-1)!.status, 'ended');
  assert.equal(a.bus.responders + b.bus.responders, 0);
  const before = stage.clock.pendingTimers;
  await stage.pass(5_000);
  // Those of the bus and the store.
  assert.equal(stage.clock.pendingTimers, before);
  assert.equal(before, 2);
});
