import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WaitingRoom } from './waiting-room.ts';

test('so many may wait at once, and whoever leaves makes room', async () => {
  const room = new WaitingRoom(2);
  const doors: ((value: boolean) => void)[] = [];
  const wait = () => new Promise<boolean>((resolve) => doors.push(resolve));
  const [first, second] = [room.during(wait), room.during(wait)];
  assert.equal(room.waiting, 2);
  assert.equal(await room.during(wait), undefined);
  assert.equal(doors.length, 2, 'who is turned away does not begin to wait');
  doors[0]!(true);
  assert.equal(await first, true);
  assert.equal(room.waiting, 1);
  doors[1]!(false);
  assert.equal(await second, false);
  assert.equal(await room.during(() => Promise.resolve(true)), true);
  assert.equal(room.waiting, 0);
});

test('a wait that fails leaves the room, too', async () => {
  const room = new WaitingRoom(1);
  await assert.rejects(room.during(() => Promise.reject(new Error('broken'))));
  assert.equal(room.waiting, 0);
});
