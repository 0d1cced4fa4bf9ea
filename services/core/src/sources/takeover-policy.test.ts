import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ghostAfterMs, type TakeoverPolicy, yieldsTo } from './takeover-policy.ts';

const facts = (policy: TakeoverPolicy, silentMs: number, onAirMs = 1e9, replacements = 0) => ({
  policy,
  silentMs,
  onAirMs,
  replacements,
});

test('who makes way, by policy and silence', () => {
  const table: [TakeoverPolicy, silentMs: number, yields: boolean][] = [
    ['reject', 0, false],
    ['reject', 1e9, false],
    ['auto', 0, false],
    ['auto', ghostAfterMs - 1, false],
    ['auto', ghostAfterMs, true],
    ['standby', 0, false],
    ['standby', ghostAfterMs - 1, false],
    ['standby', ghostAfterMs, true],
    ['replace', 0, true],
    ['replace', ghostAfterMs, true],
  ];
  for (const [policy, silentMs, yields] of table) {
    assert.equal(yieldsTo(facts(policy, silentMs)), yields, `${policy}, silent for ${silentMs} ms`);
  }
});

test('a first source is replaced at once, one that replaced another is safe for a while', () => {
  assert.equal(yieldsTo(facts('replace', 0, 0, 0)), true);
  assert.equal(yieldsTo(facts('replace', 0, 4_999, 1)), false);
  assert.equal(yieldsTo(facts('replace', 0, 5_000, 1)), true);
  assert.equal(yieldsTo(facts('replace', ghostAfterMs, 0, 9)), true, 'a ghost is safe from nobody');
});

test('the guard doubles with each replacement up to five minutes', () => {
  const guardMs = (replacements: number) => {
    let onAirMs = 0;
    while (!yieldsTo(facts('replace', 0, onAirMs, replacements))) onAirMs += 1_000;
    return onAirMs;
  };
  const guards = [1, 2, 3, 4, 5, 6, 7, 8, 1000, 5000].map(guardMs);
  const minutes5 = 300_000;
  assert.deepEqual(guards, [5e3, 1e4, 2e4, 4e4, 8e4, 16e4, minutes5, minutes5, minutes5, minutes5]);
});

test('two encoders that throw each other off in turns change places ever less often', () => {
  let onAirMs = 0;
  let replacements = 0;
  let changes = 0;
  for (let ms = 0; ms < 3_600_000; ms += 1_000) {
    onAirMs += 1_000;
    if (!yieldsTo(facts('replace', 0, onAirMs, replacements))) continue;
    changes += 1;
    replacements += 1;
    onAirMs = 0;
  }
  assert.ok(changes <= 20, `${changes} changes in an hour`);
});
