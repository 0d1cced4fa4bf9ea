/**
 * `Takeover=standby` over several pods, each a process with one encoder, on a real bus and a
 * real store: a pod that is killed or frozen, and an encoder that ends or falls silent, cost
 * listeners less than a second, and only one pod is on air at any time.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decodeEnvelope, EnvelopeKind } from '@legacystream/core/bus/envelope.ts';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import { NatsBus } from '@legacystream/runtime/nats-bus/nats-bus.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { missingProgram } from '../programs.mjs';
import { countingFormats } from '../support/counting-frames.ts';
import { CountingReader, runsOf } from '../support/counting-reader.ts';
import { eventually } from '../support/eventually.ts';
import { NatsServer } from '../support/nats-server.ts';
import { RedisServer } from '../support/redis-server.ts';

const skip = missingProgram('nats-server', 'redis-server');
const podProgram = fileURLToPath(new URL('../support/standby-pod.ts', import.meta.url));
/** A second, and what a busy machine may add. */
const longestGapMs = 1_500;
const subjects = new Subjects('main');

let nats: NatsServer;
let redis: RedisServer;
let bus: NatsBus;
const pods: Pod[] = [];

/** Ended with this process, whatever became of the test. */
process.on('exit', () => {
  for (const { process: child } of pods) child.kill('SIGKILL');
});

class Pod {
  readonly id: number;
  readonly process: ChildProcess;
  output = '';

  constructor() {
    this.id = pods.length + 1;
    const args = [podProgram, `pod-${this.id}`, nats.address, redis.url, `${this.id}`];
    this.process = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.process.stdin!.on('error', () => {});
    this.process.stdout!.on('data', (data: Buffer) => {
      this.output += data;
    });
    pods.push(this);
  }

  tell(command: string): void {
    this.process.stdin!.write(`${command}\n`);
  }

  /** Waits for so many lines of an event. */
  logs(event: string, count = 1): Promise<boolean> {
    const mark = `"event":"${event}"`;
    return eventually(`pod ${this.id} logs ${event}, and not only\n${this.output}`, () => {
      return this.output.split(mark).length > count;
    });
  }

  async stop(): Promise<void> {
    const { process: child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  }
}

/** What an edge makes of the mount's audio. */
class Ear {
  readonly reader = new CountingReader(countingFormats.mp3At128);
  longestGapMs = 0;
  #epoch = 0;
  #heardMs = performance.now();

  hear(message: Uint8Array): void {
    const { epoch, kind, payload } = decodeEnvelope(message)!;
    // Of a session that has been followed by another.
    if (epoch < this.#epoch) return;
    this.#epoch = epoch;
    if (kind !== EnvelopeKind.audio) return;
    const nowMs = performance.now();
    this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#heardMs);
    this.#heardMs = nowMs;
    this.reader.push(payload);
  }

  /** Waits until the pod has been heard for a while. @returns the longest gap since the last time */
  async hears(pod: Pod): Promise<number> {
    const enough = 20;
    await eventually(`pod ${pod.id} is heard, after ${runsOf(this.reader.frames).join(', ')}`, () => {
      const latest = this.reader.frames.slice(-enough);
      return latest.length === enough && latest.every(({ source }) => source === pod.id);
    });
    const gapMs = Math.round(this.longestGapMs);
    this.longestGapMs = 0;
    return gapMs;
  }
}

before(async () => {
  if (skip) return;
  nats = await NatsServer.start();
  redis = await RedisServer.start();
  bus = new NatsBus({
    servers: [nats.address],
    name: 'edge',
    clock: new SystemClock(),
    audioPrefix: subjects.audioPrefix,
    stream: { name: 'LS_main', maxBytes: 16 * 1024 * 1024 },
  });
  await eventually('the bus is connected', () => bus.connected);
});
after(async () => {
  await Promise.all(pods.map((pod) => pod.stop()));
  await bus?.close();
  await redis?.stop();
  await nats?.stop();
});

test('whatever becomes of the pod on air, another is heard within a second', { skip }, async (t) => {
  const ear = new Ear();
  bus.subscribe(subjects.audio('live'), (message) => ear.hear(message));
  const gaps: string[] = [];
  const heard: number[] = [];
  const follows = async (what: string, pod: Pod): Promise<void> => {
    heard.push(pod.id);
    const gapMs = await ear.hears(pod);
    t.diagnostic(`${what}: ${gapMs} ms without audio`);
    if (gapMs > longestGapMs) gaps.push(`${what}: ${gapMs} ms`);
  };

  const first = new Pod();
  await first.logs('source.connected');
  await ear.hears(first);
  heard.push(first.id);
  const second = new Pod();
  await second.logs('source.standby');

  first.tell('silent');
  await follows('the encoder is silent', second);
  first.tell('speak');
  await first.logs('source.standby');

  second.tell('end');
  await follows('the encoder ends', first);

  const third = new Pod();
  await third.logs('source.standby');
  first.process.kill('SIGSTOP');
  await follows('the pod is frozen', third);

  // What still stands for the frozen pod on the bus must not make another doubt the new owner.
  const fourth = new Pod();
  await fourth.logs('source.standby');
  const before = ear.reader.count;
  await eventually('three seconds have been heard', () => ear.reader.count > before + 125);
  first.process.kill('SIGCONT');
  await first.logs('source.standby', 2);
  assert.match(first.output, /"reason":"lease-lost"/);

  third.process.kill('SIGKILL');
  const next = await eventually('another pod is on air', () => {
    const latest = ear.reader.frames.at(-1)?.source;
    return latest !== third.id && pods.find(({ id }) => id === latest);
  });
  await follows('the pod is killed', next);

  assert.deepEqual(gaps, []);
  assert.deepEqual(
    runsOf(ear.reader.frames).map((run) => Number(run.split(':')[0])),
    heard,
  );
  assert.equal(ear.reader.strayBytes, 0);
  assert.equal(ear.reader.doubled, 0);
});
