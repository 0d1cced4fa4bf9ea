import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import { loadSettings } from '@legacystream/runtime/config/load-settings.ts';
import { audioMessage, mountState } from '../../../test/fixtures/mount-states.ts';
import { RecordingListener } from '../../../test/fixtures/recording-listener.ts';
import { ScriptedBus } from '../../../test/fixtures/scripted-bus.ts';
import { ChannelHub } from './channel-hub.ts';
import type { MountChannel } from './mount-channel.ts';

const { settings } = loadSettings({
  env: {},
  readFile: () => {
    throw new Error('there are no files');
  },
});

class Edge {
  readonly bus = new ScriptedBus();
  readonly clock = new ManualClock();
  readonly subjects = new Subjects('test');
  #watcher: (state: MountState) => void = () => {};
  readonly hub = new ChannelHub(this.bus, this.clock, this.subjects, settings, {
    watch: (watcher: (state: MountState) => void) => {
      this.#watcher = watcher;
      return () => {
        this.#watcher = () => {};
      };
    },
  } as unknown as ConstructorParameters<typeof ChannelHub>[4]);

  async open(change: Partial<MountState> = {}): Promise<MountChannel> {
    const state = mountState(change);
    const channel = this.hub.demand(state);
    await this.bus.tell([audioMessage(state.epoch, 1)]);
    return channel;
  }

  say(change: Partial<MountState>): void {
    this.#watcher(mountState(change));
  }

  join(channel: MountChannel): RecordingListener {
    const listener = new RecordingListener();
    assert.ok(channel.wheel.join(listener));
    return listener;
  }

  has(channel: MountChannel): boolean {
    return [...this.hub.channels()].includes(channel);
  }
}

test('a mount in demand has one channel, which the ticker serves', async () => {
  const edge = new Edge();
  const channel = await edge.open();
  assert.equal(edge.hub.demand(mountState()), channel);
  const listener = edge.join(channel);
  edge.bus.publish(edge.subjects.audio(mountIdOf('/live.mp3')), audioMessage(10, 2));
  edge.clock.advance(100);
  assert.equal(listener.writes.length, 2);
});

test('a channel is closed half a minute after its last listener, not before', async () => {
  const edge = new Edge();
  const channel = await edge.open();
  const listener = edge.join(channel);
  edge.clock.advance(120_000);
  assert.ok(edge.has(channel));
  channel.wheel.leave(listener);
  edge.clock.advance(29_000);
  assert.ok(edge.has(channel));
  edge.clock.advance(4_000);
  assert.ok(!edge.has(channel));
  assert.equal(edge.bus.subscriptions, 0);
  assert.equal(edge.hub.closedTotals.writes, 1, 'what it did is not forgotten');
});

test('demand keeps a channel open', async () => {
  const edge = new Edge();
  edge.clock.advance(1);
  const channel = await edge.open();
  for (let i = 0; i < 10; i += 1) {
    edge.clock.advance(20_000);
    assert.equal(edge.hub.demand(mountState()), channel);
  }
});

test('the end of a mount ends its listeners; a drop of the source and a new session do not', async () => {
  const edge = new Edge();
  const channel = await edge.open();
  const listener = edge.join(channel);
  edge.say({ status: 'lingering' });
  edge.say({ epoch: 11, codec: 'mp3' });
  assert.equal(listener.endedBy, undefined);
  edge.say({ path: '/other.mp3', status: 'ended' });
  assert.equal(listener.endedBy, undefined);
  edge.say({ epoch: 11, status: 'ended' });
  assert.equal(listener.endedBy, 'mount-ended');
  assert.ok(!edge.has(channel));
});

test('another codec ends the listeners, and who comes then hears the new one', async () => {
  const edge = new Edge();
  const channel = await edge.open();
  const listener = edge.join(channel);
  edge.say({ epoch: 11, codec: 'aac' });
  assert.equal(listener.endedBy, 'mount-ended');
  const next = await edge.open({ epoch: 11, codec: 'aac' });
  assert.notEqual(next, channel);
  assert.equal(next.codec, 'aac');
});

test('a source of bytes that nobody can tell ends the listeners of a codec', async () => {
  const edge = new Edge();
  const listener = edge.join(await edge.open());
  edge.say({ epoch: 11, codec: 'opaque' });
  assert.equal(listener.endedBy, 'mount-ended');
});

test('a source whose codec is still to be told ends nobody; one that turns out to be another does', async () => {
  const edge = new Edge();
  const channel = await edge.open();
  const listener = edge.join(channel);
  edge.say({ epoch: 11, codec: 'opaque', codecPending: true });
  edge.say({ epoch: 11, codec: 'mp3' });
  assert.equal(listener.endedBy, undefined);
  assert.ok(edge.has(channel));
  edge.say({ epoch: 12, codec: 'opaque', codecPending: true });
  edge.say({ epoch: 12, codec: 'aac' });
  assert.equal(listener.endedBy, 'mount-ended');
});

test('an Ogg stream that is not told apart yet is no change of codec', async () => {
  const edge = new Edge();
  const channel = await edge.open({ codec: 'ogg-vorbis' });
  edge.say({ epoch: 11, codec: 'ogg' });
  assert.ok(edge.has(channel));
  edge.say({ epoch: 11, codec: 'ogg-opus' });
  assert.ok(!edge.has(channel));
});

test('closing ends everybody and leaves no timer and no subscription', async () => {
  const edge = new Edge();
  const listener = edge.join(await edge.open());
  await edge.open({ path: '/other.mp3' });
  edge.hub.close();
  assert.equal(listener.endedBy, 'shutdown');
  assert.deepEqual([edge.bus.subscriptions, edge.clock.pendingTimers], [0, 0]);
  assert.equal([...edge.hub.channels()].length, 0);
});
