import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerTimeoutMs, askEveryMs, type OwnerSign, OwnerWatch } from './owner-watch.ts';

const gone: OwnerSign = { type: 'gone' };
const mute: OwnerSign = { type: 'mute' };
const onAir = (yieldsInMs: number): OwnerSign => ({ type: 'on-air', yieldsInMs });
const claim = (byForce: boolean) => ({ type: 'claim', byForce });

function watching(epoch = 7): OwnerWatch {
  const watch = new OwnerWatch();
  watch.follow(epoch);
  return watch;
}

test('an owner that delivers is asked again, at the latest when it would have been silent too long', () => {
  const watch = watching();
  assert.deepEqual(watch.judge(onAir(700), 0), { type: 'ask', inMs: askEveryMs });
  assert.deepEqual(watch.judge(onAir(90), 0), { type: 'ask', inMs: 90 });
  const { type, inMs } = watch.judge(onAir(0), 0) as { type: string; inMs: number };
  assert.ok(type === 'ask' && inMs > 0, 'never without a pause');
});

test('a mount whose owner made way is claimed, but not by force: others were first perhaps', () => {
  assert.deepEqual(watching().judge({ type: 'made-way' }, 0), claim(false));
});

test('an owner that left is followed at once, by force only when it stays away', () => {
  const watch = watching();
  for (const nowMs of [1_000, 1_100, 1_200]) assert.deepEqual(watch.judge(gone, nowMs), claim(false));
  assert.deepEqual(watch.judge(gone, 1_300), claim(true));
});

test('an owner that is mute once is asked again at once, twice it has lost the mount', () => {
  const watch = watching();
  assert.deepEqual(watch.judge(mute, 0), { type: 'ask', inMs: 0 });
  assert.ok(watch.isDoubtful);
  assert.deepEqual(watch.judge(mute, answerTimeoutMs), claim(true));
});

test('a frozen owner is found out within a second', () => {
  assert.ok(askEveryMs + 2 * answerTimeoutMs < 800);
});

test('an answer in between, another owner or a fault of the own pod begin the count anew', () => {
  for (const between of [
    (watch: OwnerWatch) => void watch.judge(onAir(500), 500),
    (watch: OwnerWatch) => watch.follow(8),
    (watch: OwnerWatch) => watch.forgive(),
  ]) {
    const watch = watching();
    watch.judge(mute, 0);
    between(watch);
    assert.deepEqual(watch.judge(mute, 1_000), { type: 'ask', inMs: 0 });
  }
});

test('to find the same owner again does not begin the count anew', () => {
  const watch = watching();
  watch.judge(gone, 0);
  watch.follow(7);
  assert.deepEqual(watch.judge(gone, 1_000), claim(true));
});
