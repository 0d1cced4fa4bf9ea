import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import fc from 'fast-check';
import {
  audioMessage,
  headersMessage,
  message,
  mountState,
  titleMessage,
} from '../../../test/fixtures/mount-states.ts';
import { RecordingListener } from '../../../test/fixtures/recording-listener.ts';
import { ScriptedBus } from '../../../test/fixtures/scripted-bus.ts';
import { countingFormats } from '../../../test/support/counting-frames.ts';
import { readCountingFrames } from '../../../test/support/counting-reader.ts';
import { IcyReader } from '../../../test/support/icy-body.ts';
import { maxHoldMs } from './audio-sequence.ts';
import { MountChannel } from './mount-channel.ts';

const format = countingFormats.mp3Padded;

const subject = 'audio.live';

class Edge {
  readonly bus = new ScriptedBus();
  readonly clock = new ManualClock();
  readonly channel: MountChannel;

  constructor(change: Partial<MountState> = {}) {
    this.channel = new MountChannel(this.bus, this.clock, subject, mountState(change), {
      limits: { ringUs: 60e6, ringBytes: 16 * 1024 * 1024, burstUs: 30e6, burstBytes: 1e6 },
      metaint: 1000,
      slow: { maxLagBytes: 1_048_576, maxStallMs: 30_000, maxSkips: 5 },
      period: { minMs: 50, maxMs: 50, idleListeners: 200 },
    });
  }

  live(...messages: Uint8Array[]): void {
    for (const data of messages) this.bus.publish(subject, data);
  }

  join(icy = false): RecordingListener {
    const listener = new RecordingListener(icy);
    assert.ok(this.channel.wheel.join(listener));
    return listener;
  }

  /** Lets what is missing be missing for good. */
  giveUp(): void {
    this.clock.advance(maxHoldMs);
  }

  deliver(): void {
    for (let i = 0; i < 4; i += 1) {
      this.clock.advance(25);
      this.channel.wheel.tick(1);
    }
  }
}

const run = (epoch: number, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => audioMessage(epoch, from + i));

test('history and what came live meanwhile are spliced: every frame once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.nat({ max: 20 }),
      fc.nat({ max: 20 }),
      fc.nat({ max: 10 }),
      async (historyFrom, historyCount, overlap, liveCount) => {
        const edge = new Edge();
        const historyTo = historyFrom + historyCount - 1;
        const liveFrom = Math.max(1, historyTo + 1 - overlap);
        edge.live(...run(10, liveFrom, historyTo + liveCount));
        assert.equal(edge.channel.joinable, false);
        await edge.bus.tell(run(10, historyFrom, historyTo));
        edge.live(...run(10, historyTo + 1, historyTo + liveCount + 3));
        const { first, last, lost, doubled } = readCountingFrames(edge.join().received, format);
        const isLiveOlder = historyCount === 0 || (liveFrom < historyFrom && liveFrom <= historyTo);
        const from = isLiveOlder ? liveFrom : historyFrom;
        const to = historyTo + liveCount + 3;
        assert.deepEqual([first, last, lost, doubled], [(from - 1) * 4, to * 4 - 1, 0, 0]);
        assert.equal(edge.channel.stats.lost, 0);
      },
    ),
    { numRuns: 60 },
  );
});

test('duplicates, superseded writers and malformed messages are dropped and counted, gaps are counted', async () => {
  const edge = new Edge();
  await edge.bus.tell([]);
  edge.live(...run(10, 1, 3));
  edge.live(audioMessage(10, 2), audioMessage(9, 4), Buffer.from('garbage'), audioMessage(10, 6));
  edge.live(message(10, 7, { kind: 3, payload: Buffer.from('no title') }));
  edge.giveUp();
  assert.deepEqual(edge.channel.stats, { malformed: 2, stale: 2, repaired: 0, lost: 2 });
  const { count, lost } = readCountingFrames(edge.join().received, format);
  assert.deepEqual([count, lost], [16, 8]);
});

test('a writer that was superseded before this edge followed is not heard', async () => {
  const edge = new Edge({ epoch: 10 });
  await edge.bus.tell(run(9, 1, 5));
  assert.equal(edge.channel.joinable, false);
  assert.equal(edge.channel.stats.stale, 5);
});

test('what was sent before anybody followed is not counted as lost', async () => {
  const edge = new Edge();
  await edge.bus.tell(run(10, 500, 510));
  assert.equal(edge.channel.stats.lost, 0);
});

test('those on air hear nothing of a gap that the history fills', async () => {
  const edge = new Edge();
  await edge.bus.tell(run(10, 1, 5));
  const listener = edge.join();
  edge.live(...run(10, 9, 10));
  edge.deliver();
  assert.equal(listener.writes.length, 1);
  assert.equal(edge.channel.joinable, true, 'what is there can be heard meanwhile');
  await edge.bus.tell(run(10, 2, 9));
  edge.deliver();
  const { last, lost, doubled } = readCountingFrames(listener.received, format);
  assert.deepEqual([last, lost, doubled, edge.channel.stats.repaired], [39, 0, 0, 3]);
});

test('a hole in what a cold channel begins with is waited for before anybody is let in', async () => {
  const edge = new Edge();
  edge.live(audioMessage(10, 8));
  await edge.bus.tell(run(10, 1, 5));
  assert.equal(edge.channel.joinable, false);
  await edge.bus.tell(run(10, 4, 8));
  assert.equal(edge.channel.joinable, true);
  const { first, last, lost } = readCountingFrames(edge.join().received, format);
  assert.deepEqual([first, last, lost], [0, 31, 0]);
});

test('two edges that began at different times name every byte alike', async () => {
  const [early, late] = [new Edge(), new Edge()];
  const before = run(10, 1, 20);
  const after = [titleMessage(11, 1, 'Another session'), ...run(11, 2, 20)];
  await early.bus.tell(before);
  early.live(...after);
  await late.bus.tell([...before.slice(14), ...after.slice(0, 3)]);
  late.live(...after.slice(3));
  const [all, some] = [early.join().received, late.join().received];
  assert.ok(all.subarray(-some.length).equals(some));
  const begun = late.channel.positionOf(0)!;
  assert.deepEqual([begun.epoch, begun.seq, begun.byte], [10, 15, 0]);
  for (let at = 0; at <= some.length; at += 101) {
    const position = { ...begun, byte: at };
    assert.equal(late.channel.locate(position), at);
    assert.equal(early.channel.locate(position), all.length - some.length + at);
    const renewed = late.channel.positionOf(at)!;
    assert.deepEqual(early.channel.positionOf(all.length - some.length + at), renewed);
    assert.equal(early.channel.locate(renewed), all.length - some.length + at);
  }
});

test('a position is told from what is missing here, be it lost or without its headers', async () => {
  const lossy = new Edge();
  await lossy.bus.tell(run(10, 1, 5));
  const position = lossy.channel.positionOf(0)!;
  const held = lossy.join().received.length;
  lossy.live(audioMessage(10, 7));
  assert.equal(lossy.channel.locate({ ...position, byte: held + 10 }), 'ahead', 'it may yet be repaired');
  lossy.giveUp();
  assert.equal(lossy.channel.locate({ ...position, byte: held + 10 }), undefined);
  assert.equal(lossy.channel.locate({ ...position, byte: held - 10 }), held - 10);
  const muted = new Edge({ codec: 'flac' });
  await muted.bus.tell([headersMessage(10, 1, 'fLaC', true), ...run(10, 2, 4)]);
  const first = muted.channel.positionOf(0)!;
  muted.live(audioMessage(11, 1), headersMessage(11, 2, 'fLaC', true), audioMessage(11, 3));
  const [start, next] = [
    { epoch: 11, seq: 2, byte: 0 },
    { ...first, byte: 100_000 },
  ];
  assert.equal(typeof muted.channel.locate(start), 'number');
  assert.equal(muted.channel.locate(next), undefined);
});

test('who waits for a position is let in when it has come, and no earlier', async () => {
  const edge = new Edge();
  await edge.bus.tell(run(10, 1, 2));
  let isIn = false;
  const position = { epoch: 10, seq: 4, byte: 1 };
  const waiting = edge.channel.reached(position, 2_000).then((isReached) => {
    isIn = true;
    return isReached;
  });
  edge.live(audioMessage(10, 3));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isIn, false);
  edge.live(audioMessage(10, 4));
  assert.equal(await waiting, true);
  const inVain = edge.channel.reached({ ...position, epoch: 11 }, 2_000);
  edge.clock.advance(2_000);
  assert.equal(await inVain, false);
});

test('a new session is heard at once by those on air, whose count of bytes goes on', async () => {
  const edge = new Edge();
  await edge.bus.tell(run(10, 1, 20));
  const [plain, icy] = [edge.join(), edge.join(true)];
  edge.live(titleMessage(11, 1, 'Another session'), ...run(11, 2, 30), audioMessage(10, 21));
  edge.deliver();
  const heard = readCountingFrames(plain.received, format);
  assert.equal(heard.tornBytes, 0);
  assert.equal(heard.count, 20 * 4 + 29 * 4);
  let audio = Buffer.alloc(0);
  const decoder = new IcyReader(1000, (bytes) => {
    audio = Buffer.concat([audio, bytes]);
  });
  decoder.push(icy.received);
  assert.equal(readCountingFrames(audio, format).tornBytes, 0);
  const full = decoder.blocks.filter(({ bytes }) => bytes.length > 1).map(({ bytes }) => bytes.toString());
  assert.equal(full.length, 2);
  assert.ok(full[0]!.includes('At first') && full[1]!.includes('Another session'));
  assert.deepEqual([edge.channel.stats.lost, edge.channel.stats.stale], [0, 1]);
});

test('messages that are missing at the beginning of a new session are counted', async () => {
  const edge = new Edge();
  await edge.bus.tell(run(10, 1, 2));
  edge.live(audioMessage(11, 4));
  edge.giveUp();
  assert.equal(edge.channel.stats.lost, 3);
});

test('from the middle of a history, a codec with headers begins where they are repeated', async () => {
  const edge = new Edge({ codec: 'ogg-vorbis' });
  await edge.bus.tell([...run(10, 50, 55), headersMessage(10, 56, 'headers', false), ...run(10, 57, 60)]);
  const listener = edge.join();
  assert.equal(Buffer.from(listener.writes[0]!).toString(), 'headers');
  assert.equal(readCountingFrames(listener.writes[1]!, format).first, 56 * 4);
});

test('without its headers a codec that needs them has nothing to begin with', async () => {
  const edge = new Edge({ codec: 'flac' });
  await edge.bus.tell(run(10, 5, 10));
  assert.equal(edge.channel.joinable, false);
  edge.live(headersMessage(10, 11, 'fLaC', false));
  assert.equal(edge.channel.joinable, false);
  edge.live(audioMessage(10, 12));
  assert.equal(edge.channel.joinable, true);
});

test('the audio of a new session waits for its own headers', async () => {
  const edge = new Edge({ codec: 'ogg-opus' });
  await edge.bus.tell([headersMessage(10, 1, 'old', true), ...run(10, 2, 5)]);
  const listener = edge.join();
  edge.live(...run(11, 3, 4), headersMessage(11, 5, 'new', false), audioMessage(11, 6));
  edge.giveUp();
  edge.deliver();
  const after = Buffer.concat(listener.writes.slice(2));
  assert.equal(after.indexOf('new'), 0, 'those on air missed them in band');
  assert.equal(readCountingFrames(after.subarray(3), format).first, 20);
  assert.equal(readCountingFrames(after.subarray(3), format).count, 4);
});

test('repeated headers are not sent to those on air, unless they have missed them', async () => {
  const edge = new Edge({ codec: 'ogg-opus' });
  await edge.bus.tell([headersMessage(10, 1, 'one', true), ...run(10, 2, 5)]);
  const listener = edge.join();
  edge.live(headersMessage(10, 6, 'one', false), audioMessage(10, 7));
  edge.deliver();
  assert.ok(!Buffer.concat(listener.writes.slice(2)).includes('one'));
  edge.live(audioMessage(10, 9), headersMessage(10, 10, 'two', false), headersMessage(10, 11, 'two', false));
  edge.giveUp();
  edge.deliver();
  const last = Buffer.concat(listener.writes.slice(3)).toString('latin1');
  assert.equal(last.split('two').length - 1, 1);
});

test('a listener that waits is woken by the first audio', async () => {
  const edge = new Edge();
  const waiting = edge.channel.ready(10_000);
  await edge.bus.tell([]);
  edge.live(audioMessage(10, 1));
  assert.equal(await waiting, true);
  assert.equal(await edge.channel.ready(0), true);
});

test('one that waits in vain is told so in time, and is forgotten', async () => {
  const edge = new Edge();
  await edge.bus.tell([]);
  let settled = 0;
  const { after } = edge.clock;
  edge.clock.after = (delayMs, fn) => {
    const timer = after.call(edge.clock, delayMs, fn);
    return {
      cancel: () => {
        settled += 1;
        timer.cancel();
      },
    };
  };
  const before = edge.clock.pendingTimers;
  for (let i = 0; i < 100; i += 1) {
    const waiting = edge.channel.ready(1000);
    edge.clock.advance(1000);
    assert.equal(await waiting, false);
  }
  assert.equal(edge.clock.pendingTimers, before);
  settled = 0;
  edge.live(audioMessage(10, 1));
  assert.equal(settled, 0, 'nobody is left to be woken');
});

test('closing wakes who waits and takes in nothing more', async () => {
  const edge = new Edge();
  const waiting = edge.channel.ready(10_000);
  edge.channel.close();
  assert.equal(await waiting, false);
  assert.equal(edge.bus.subscriptions, 0);
  assert.equal(edge.clock.pendingTimers, 0);
});

test('a bus without a history serves from what comes live', async () => {
  const edge = new Edge();
  edge.live(...run(10, 5, 6));
  await edge.bus.tell(new Error('away'));
  assert.equal(readCountingFrames(edge.join().received, format).first, 16);
});

test('a history that does not come is done without, and is ignored when it comes late', async () => {
  const edge = new Edge();
  edge.live(...run(10, 5, 6));
  edge.clock.advance(5000);
  assert.equal(edge.channel.joinable, true);
  await edge.bus.tell(run(10, 1, 6));
  assert.equal(readCountingFrames(edge.join().received, format).first, 16);
  assert.equal(edge.channel.stats.stale, 0);
});

test('what waits for a history is bounded', () => {
  const edge = new Edge();
  for (let seq = 1; seq <= 40 && !edge.channel.joinable; seq += 1) {
    edge.live(message(10, seq, { payload: Buffer.alloc(256 * 1024, 1) }));
  }
  assert.equal(edge.channel.joinable, true);
});

test('where the format does not tell, the time at the source stands for the playing time', async () => {
  const edge = new Edge({ codec: 'opaque' });
  const piece = (seq: number, sourceClockMs: number) =>
    message(10, seq, { durationUs: 0, sourceClockMs, payload: Buffer.alloc(100, 1) });
  await edge.bus.tell([piece(1, 1000), piece(2, 1250), piece(3, 1500)]);
  edge.live(piece(4, 1750), piece(5, 1600), piece(6, 600_000));
  const untilPause = edge.channel.depthUs - 1e6;
  assert.ok(untilPause >= 750_000 && untilPause <= 1_750_000, `${untilPause} µs`);
});

test('where the format tells, a piece without playing time has none', async () => {
  const edge = new Edge();
  await edge.bus.tell([audioMessage(10, 1)]);
  const { depthUs } = edge.channel;
  edge.clock.advance(5000);
  edge.live(
    message(10, 2, { durationUs: 0, sourceClockMs: 1_700_000_500_000, payload: Buffer.alloc(100, 1) }),
  );
  assert.equal(edge.channel.depthUs, depthUs);
});
