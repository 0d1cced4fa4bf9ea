import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { HlsWindow } from '@legacystream/core/hls/hls-window.ts';
import { segmentName } from '@legacystream/core/hls/resource-name.ts';
import { hlsGroup } from '@legacystream/core/hls/stored-window.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import type { Json } from '@legacystream/core/ports/state-store.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';
import { HlsFeed } from './hls-feed.ts';
import { SegmentCache } from './segment-cache.ts';

const group = hlsGroup('mount', 'source');
const epoch = 1_700_000_000_000;
const nameOf = (msn: number) => segmentName(epoch, msn, 'mp3');
const bytesOf = (msn: number) => Buffer.alloc(100, msn);

/** An edge that begins to follow a mount of which the store has a window of five segments. */
async function coldEdge() {
  const clock = new ManualClock();
  const store = new MemoryStateStore({ clock });
  const start = { epoch, discontinuity: false, init: '', durationS: 4, bytes: 100, parts: [] };
  const window: HlsWindow = {
    container: 'packed',
    extension: 'mp3',
    codecs: 'mp4a.40.34',
    targetDurationS: 4,
    partTargetS: 0,
    windowS: 20,
    epoch,
    revision: 9,
    firstMsn: 10,
    discontinuitySequence: 0,
    segments: Array.from({ length: 5 }, (_, i) => ({ ...start, pdtMs: epoch + i * 4_000 })),
    open: undefined,
    titles: [],
  };
  await store.putDocument('hls', group, JSON.parse(JSON.stringify(window)) as Json, { epoch });
  for (let msn = 10; msn < 15; msn += 1)
    await store.putBlob(group, nameOf(msn), bytesOf(msn), { ttlMs: 60_000 });
  let reads = 0;
  let isAway = false;
  const counted = {
    getDocument: store.getDocument.bind(store),
    getBlob: async (of: string, name: string) => {
      reads += 1;
      await turn();
      if (isAway) throw new Error('away');
      return store.getBlob(of, name);
    },
  };
  const bus = { publish: () => {}, subscribe: () => ({ unsubscribe: () => {} }) };
  const stats = { malformed: 0, stale: 0, reloads: 0, storeReads: 0 };
  const cache = new SegmentCache(1024 * 1024);
  const feed = new HlsFeed({ bus, store: counted, clock, cache, stats }, 'hls', 'told', group);
  clock.advance(0);
  await turn();
  await turn();
  assert.equal(feed.window?.segments.length, 5);
  const lose = (away: boolean) => {
    isAway = away;
  };
  return { feed, clock, reads: () => reads, lose };
}

test('a segment that many ask for at once is read from the store once, and then is at hand', async () => {
  const { feed, reads } = await coldEdge();
  const asked = await Promise.all(Array.from({ length: 500 }, (_, i) => feed.read(nameOf(10 + (i % 5)))));
  assert.equal(reads(), 5);
  for (const [i, data] of asked.entries()) assert.ok(bytesOf(10 + (i % 5)).equals(data!));
  for (let msn = 10; msn < 15; msn += 1) assert.deepEqual(feed.find(nameOf(msn)), bytesOf(msn));
});

test('a name that is not there is looked up once in five seconds, however many ask', async () => {
  const { feed, clock, reads } = await coldEdge();
  for (let round = 0; round < 10; round += 1) {
    const asked = await Promise.all(Array.from({ length: 50 }, () => feed.read(nameOf(9))));
    assert.ok(asked.every((data) => data === undefined));
    clock.advance(400);
  }
  assert.equal(reads(), 1);
  clock.advance(2_000);
  await feed.read(nameOf(9));
  assert.equal(reads(), 2);
});

test('a flood of invented names costs the store twenty reads a second, and who asks for what is listed is not in its way', async () => {
  const { feed, clock, reads } = await coldEdge();
  for (let msn = 100; msn < 5_000; msn += 1) assert.equal(await feed.read(nameOf(msn)), undefined);
  assert.equal(reads(), 20);
  assert.deepEqual(await feed.read(nameOf(12)), bytesOf(12));
  clock.advance(1_000);
  for (let msn = 5_000; msn < 6_000; msn += 1) await feed.read(nameOf(msn));
  assert.equal(reads(), 41);
});

test('a store that was away is asked again at once when it is back', async () => {
  const { feed, reads, lose } = await coldEdge();
  lose(true);
  assert.equal(await feed.read(nameOf(11)), undefined);
  lose(false);
  assert.deepEqual(await feed.read(nameOf(11)), bytesOf(11));
  assert.equal(reads(), 2);
});
