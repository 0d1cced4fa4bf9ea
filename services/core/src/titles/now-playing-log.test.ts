import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NowPlaying } from '../mounts/mount-state.ts';
import { maxHistory, NowPlayingLog, noTitle } from './now-playing-log.ts';

const playing = (display: string, sinceMs: number, url = ''): NowPlaying => ({
  display,
  title: display,
  artist: '',
  url,
  sinceMs,
});
const displays = (log: NowPlayingLog) => log.history.map(({ display }) => display);

test('the latest title is current and the newest of the history', () => {
  const log = new NowPlayingLog();
  assert.equal(log.current, noTitle);
  assert.equal(log.set(playing('One', 1)), true);
  assert.equal(log.set(playing('Two', 2)), true);
  assert.equal(log.current.display, 'Two');
  assert.deepEqual(displays(log), ['Two', 'One']);
});

test('repeating the current title changes nothing', () => {
  const log = new NowPlayingLog();
  log.set(playing('One', 1));
  assert.equal(log.set(playing('One', 99)), false);
  assert.equal(log.current.sinceMs, 1);
  assert.equal(log.history.length, 1);
});

test('a new link for the same title is a change, but not another piece', () => {
  const log = new NowPlayingLog();
  log.set(playing('One', 1));
  assert.equal(log.set(playing('One', 99, 'https://example.org/')), true);
  assert.deepEqual(log.current, playing('One', 1, 'https://example.org/'));
  assert.deepEqual(log.history, [log.current]);
});

test('silence between is no piece, and the same piece after it is no second one', () => {
  const log = new NowPlayingLog();
  log.set(playing('One', 1));
  assert.equal(log.set(playing('', 5)), true);
  assert.equal(log.current.display, '');
  assert.deepEqual(displays(log), ['One']);
  log.set(playing('One', 9));
  assert.deepEqual(displays(log), ['One']);
  assert.equal(log.current.sinceMs, 9);
});

test('a piece that plays again later is told again', () => {
  const log = new NowPlayingLog();
  for (const [i, display] of ['One', 'Two', 'One'].entries()) log.set(playing(display, i));
  assert.deepEqual(displays(log), ['One', 'Two', 'One']);
});

test('the history is bounded, whatever it began with', () => {
  const long = Array.from({ length: 80 }, (_, i) => playing(`Old ${i}`, i));
  const log = new NowPlayingLog(long[0], long);
  assert.equal(log.history.length, maxHistory);
  log.set(playing('New', 100));
  assert.equal(log.history.length, maxHistory);
  assert.deepEqual(displays(log).slice(0, 2), ['New', 'Old 0']);
});
