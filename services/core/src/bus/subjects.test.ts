import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LegacyStreamError } from '../errors.ts';
import { Subjects } from './subjects.ts';

test('subjects follow the scheme of the bus', () => {
  const subjects = new Subjects('main');
  assert.equal(subjects.audio('live_2emp3'), 'ls.main.audio.live_2emp3.source');
  assert.equal(subjects.audio('live_2emp3', 'low'), 'ls.main.audio.live_2emp3.low');
  assert.equal(subjects.state('live_2emp3'), 'ls.main.state.live_2emp3');
  assert.equal(subjects.allStates, 'ls.main.state.*');
  assert.equal(subjects.owner('live_2emp3'), 'ls.main.ctl.live_2emp3');
  assert.equal(subjects.bans, 'ls.main.auth.ban');
  assert.equal(subjects.pod('edge-0', 'edge'), 'ls.main.pod.edge-0.edge');
});

test('the audio prefix covers every rendition and nothing else', () => {
  const subjects = new Subjects('main');
  assert.ok(subjects.audio('x', 'low').startsWith(subjects.audioPrefix));
  assert.ok(!subjects.state('audio').startsWith(subjects.audioPrefix));
});

test('a cluster name that is not one token is refused', () => {
  for (const name of ['', 'a.b', '*', '>', 'a b', 'é', 'a\n', 'x'.repeat(65)]) {
    assert.throws(
      () => new Subjects(name),
      (error) => error instanceof LegacyStreamError && error.code === 'LS_CONFIG_INVALID',
      name,
    );
  }
});
