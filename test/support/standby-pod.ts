/**
 * A pod that has one encoder on a `standby` mount, as a process of its own that a test can
 * kill and freeze: `standby-pod.ts <podId> <NATS> <Redis URL> <number of the encoder>`.
 * Log lines go to standard output as JSON; a line on standard input tells the encoder to be
 * `silent`, to `speak` again or to `end`.
 */
import { createInterface } from 'node:readline';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import { SourceRegistry } from '@legacystream/ingest/source-registry.ts';
import { loadSettings } from '@legacystream/runtime/config/load-settings.ts';
import type { Log, LogFields } from '@legacystream/runtime/log.ts';
import { NatsBus } from '@legacystream/runtime/nats-bus/nats-bus.ts';
import { RedisStateStore } from '@legacystream/runtime/redis-store/redis-state-store.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { countingFormats, countingFrames } from './counting-frames.ts';
import { eventually } from './eventually.ts';

const tickMs = 50;
const mount = '/live';
const format = countingFormats.mp3At128;
const [podId = '', natsAddress = '', redisUrl = '', id = ''] = process.argv.slice(2);

const say = (event: string, fields: LogFields = {}) => {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
};
const log: Log = { debug: say, info: say, warn: say, error: say, child: () => log };
const clock = new SystemClock();
const subjects = new Subjects('main');
const { settings } = loadSettings({ iniText: '[Mount /*]\nTakeover=standby', env: {}, readFile: () => '' });
const store = await RedisStateStore.open({ url: redisUrl, clock });
const bus = new NatsBus({
  servers: [natsAddress],
  name: podId,
  clock,
  audioPrefix: subjects.audioPrefix,
  stream: { name: 'LS_main', maxBytes: 16 * 1024 * 1024 },
});
await eventually('the bus is connected', () => bus.connected);

const registry = new SourceRegistry({ bus, store, clock, subjects, podId, log }, settings);
const feed = await registry.open(
  await registry.claim(mount),
  { path: mount, protocol: 'PUT', contentType: format.contentType, info: {}, ip: '127.0.0.1', userAgent: '' },
  { pauseReading: () => {}, resumeReading: () => {}, end: () => {} },
);

const startedMs = performance.now();
let number = 0;
let isSilent = false;
setInterval(() => {
  const due = Math.floor((performance.now() - startedMs) / format.frameMs) - number;
  if (due <= 0) return;
  if (!isSilent) feed.receive(countingFrames(number, due, format, Number(id)));
  number += due;
}, tickMs);

const commands = createInterface(process.stdin);
commands.on('line', (line) => {
  if (line === 'end') feed.end('closed');
  else isSilent = line === 'silent';
});
// Whoever started it is gone.
commands.on('close', () => process.exit());
