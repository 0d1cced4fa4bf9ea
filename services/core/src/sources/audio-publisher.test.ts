import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeEnvelope, type Envelope, EnvelopeFlag, EnvelopeKind } from '../bus/envelope.ts';
import { ManualClock } from '../manual-clock.ts';
import { AudioPublisher, maxPartBytes } from './audio-publisher.ts';
import type { Chunk } from './chunker.ts';

class Station {
  readonly clock = new ManualClock();
  readonly messages: Envelope[] = [];
  readonly publisher = new AudioPublisher(
    {
      publish: (subject, data) => {
        assert.equal(subject, 'audio.live');
        this.messages.push(decodeEnvelope(data)!);
      },
    },
    this.clock,
    'audio.live',
    77,
  );
}

const chunk = (durationMs: number, length = 100, syncPoint = true): Chunk => ({
  data: new Uint8Array(length).fill(5),
  durationUs: durationMs * 1000,
  frameCount: 4,
  frameBytes: [length - 3, 1, 1, 1],
  syncPoint,
});
const title = { display: 'A - B', title: 'B', artist: 'A', url: '', sinceMs: 5 };

test('audio, headers, titles and the end stand on one line of numbers', () => {
  const { publisher, messages, clock } = new Station();
  publisher.title(title);
  publisher.headers(Uint8Array.of(1, 2), true);
  publisher.chunk(chunk(100));
  clock.advance(100.5);
  publisher.chunk(chunk(100, 50, false));
  publisher.end();
  const { metadata, headers, audio, end } = EnvelopeKind;
  assert.deepEqual(
    messages.map(({ kind, epoch, seq, mediaTimeUs }) => [kind, epoch, seq, mediaTimeUs]),
    [
      [metadata, 77, 1, 0],
      [headers, 77, 2, 0],
      [audio, 77, 3, 0],
      [audio, 77, 4, 100_000],
      [end, 77, 5, 200_000],
    ],
  );
  const { discontinuity, inBand, syncPoint } = EnvelopeFlag;
  assert.deepEqual(
    messages.map(({ flags }) => flags),
    [discontinuity, inBand, syncPoint, 0, 0],
  );
  assert.deepEqual(JSON.parse(Buffer.from(messages[0]!.payload).toString()), title);
  assert.deepEqual([messages[2]!.durationUs, messages[2]!.frameCount], [100_000, 4]);
  assert.equal(messages[3]!.sourceClockMs, Math.round(clock.wallMs()));
  assert.equal(publisher.mediaTimeUs, 200_000);
});

test('a fenced publisher says nothing any more', () => {
  const { publisher, messages } = new Station();
  publisher.chunk(chunk(100));
  publisher.fence();
  publisher.chunk(chunk(100));
  publisher.title(title);
  publisher.headers(Uint8Array.of(1), true);
  publisher.end();
  assert.equal(messages.length, 1);
});

test('headers are repeated every ten seconds of audio, out of band, before a chunk', () => {
  const { publisher, messages } = new Station();
  publisher.headers(Uint8Array.of(9), true);
  for (let i = 0; i < 350; i += 1) publisher.chunk(chunk(100));
  const repeated = messages.filter(({ kind }) => kind === EnvelopeKind.headers).slice(1);
  assert.deepEqual(
    repeated.map(({ mediaTimeUs, flags, payload }) => [mediaTimeUs, flags, payload[0]]),
    [10e6, 20e6, 30e6].map((mediaTimeUs) => [mediaTimeUs, 0, 9]),
  );
});

test('headers are repeated by the clock where the playing time is unknown', () => {
  const { publisher, messages, clock } = new Station();
  publisher.headers(Uint8Array.of(9), true);
  for (let i = 0; i < 350; i += 1) {
    clock.advance(100);
    publisher.chunk(chunk(0));
  }
  assert.equal(messages.filter(({ kind }) => kind === EnvelopeKind.headers).length, 4);
});

test('headers that are no more are not repeated', () => {
  const { publisher, messages } = new Station();
  publisher.headers(new Uint8Array(0), false);
  for (let i = 0; i < 350; i += 1) publisher.chunk(chunk(100));
  assert.equal(messages.filter(({ kind }) => kind === EnvelopeKind.headers).length, 1);
});

test('a frame too large for a message goes out in parts that only begin at its beginning', () => {
  const { publisher, messages } = new Station();
  const large = chunk(200, 2 * 1024 * 1024 + 7);
  publisher.chunk(large);
  assert.deepEqual(Buffer.concat(messages.map(({ payload }) => payload)), Buffer.from(large.data));
  assert.ok(messages.every(({ payload }) => payload.byteLength <= maxPartBytes));
  assert.deepEqual(
    messages.map(({ flags }) => (flags & EnvelopeFlag.syncPoint) !== 0),
    messages.map((_, i) => i === 0),
  );
  assert.equal(
    messages.reduce((sum, { durationUs }) => sum + durationUs, 0),
    200_000,
  );
  assert.equal(
    messages.reduce((sum, { frameCount }) => sum + frameCount, 0),
    4,
  );
});

test('under a new epoch numbers begin anew, headers come again, and playing time goes on', () => {
  const { publisher, messages } = new Station();
  publisher.headers(Uint8Array.of(1, 2), true);
  publisher.chunk(chunk(100));
  publisher.renumber(77);
  publisher.renumber(76);
  publisher.renumber(90);
  publisher.chunk(chunk(100));
  const { headers, audio } = EnvelopeKind;
  const { discontinuity, inBand, syncPoint } = EnvelopeFlag;
  assert.deepEqual(
    messages.map(({ kind, flags, epoch, seq, mediaTimeUs }) => [kind, flags, epoch, seq, mediaTimeUs]),
    [
      [headers, inBand | discontinuity, 77, 1, 0],
      [audio, syncPoint, 77, 2, 0],
      [headers, discontinuity, 90, 1, 100_000],
      [audio, syncPoint, 90, 2, 100_000],
    ],
  );
});
