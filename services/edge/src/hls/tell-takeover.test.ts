import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { decodeHlsMessage } from '@legacystream/core/hls/hls-message.ts';
import type { HlsWindow } from '@legacystream/core/hls/hls-window.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { MemoryBus } from '@legacystream/runtime/memory-bus.ts';
import { tellTakeover } from './tell-takeover.ts';

const subject = 'told';
const question = { type: 'takeover', epoch: 20, knownEpoch: 10, knownRevision: 5 } as const;

function windowOf(epoch: number, revision: number): HlsWindow {
  return {
    container: 'packed',
    extension: 'mp3',
    codecs: 'mp4a.40.34',
    targetDurationS: 4,
    partTargetS: 0,
    windowS: 40,
    epoch,
    revision,
    firstMsn: 100,
    discontinuitySequence: 0,
    segments: [],
    open: undefined,
    titles: [],
  };
}

/** What edges with these windows say when they are asked. */
async function toldBy(windows: readonly HlsWindow[], until = (_edges: { cancel(): void }[]) => {}) {
  const clock = new ManualClock();
  const bus = new MemoryBus({ clock });
  const told: HlsWindow[] = [];
  bus.subscribe(subject, (data) => {
    const head = decodeHlsMessage(data)?.head;
    assert.equal(head?.type, 'window');
    if (head?.type === 'window') told.push(head.window);
  });
  const edges = windows.map((window) => tellTakeover({ bus, clock }, subject, question, window));
  until(edges.filter((edge) => edge !== undefined));
  for (let ms = 0; ms < 250; ms += 1) {
    clock.advance(1);
    await turn();
  }
  await bus.close();
  assert.equal(clock.pendingTimers, 0);
  return { told, revisions: told.map(({ revision }) => revision) };
}

test('who knows no more says nothing', async () => {
  const { told } = await toldBy([windowOf(10, 5), windowOf(10, 4), windowOf(9, 99), windowOf(21, 1)]);
  assert.deepEqual(told, []);
});

test('who knows more says it, be it of a session that is not known at all', async () => {
  assert.deepEqual((await toldBy([windowOf(10, 6)])).told, [JSON.parse(JSON.stringify(windowOf(10, 6)))]);
  assert.deepEqual((await toldBy([windowOf(11, 1)])).revisions, [1]);
});

test('of many edges that know the same few speak, and of those that know more one always does', async () => {
  const same = await toldBy(Array.from({ length: 200 }, () => windowOf(10, 6)));
  assert.ok(same.told.length >= 1 && same.told.length <= 20, `${same.told.length} of 200`);
  const revisions = Array.from({ length: 200 }, (_, i) => 6 + (i % 7));
  const mixed = await toldBy(revisions.map((revision) => windowOf(10, revision)));
  assert.equal(Math.max(...mixed.revisions), 12);
});

test('one that is cancelled says nothing', async () => {
  const { told } = await toldBy([windowOf(10, 6)], (edges) => {
    for (const edge of edges) edge.cancel();
  });
  assert.deepEqual(told, []);
});
