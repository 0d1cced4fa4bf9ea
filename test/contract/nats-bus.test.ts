/** The bus over NATS keeps the contract on the oldest supported and on a current server. */
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { NatsBus } from '@legacystream/runtime/nats-bus/nats-bus.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { eventually } from '../support/eventually.ts';
import { currentNats, debianNats, NatsServer, type NatsVersion } from '../support/nats-server.ts';
import { type BusUnderTest, busContract } from './bus.contract.ts';

const audioPrefix = 'ls.contract.audio.';
const stream = { name: 'LS_CONTRACT', maxBytes: 16 * 1024 * 1024 };

for (const version of [debianNats, await currentNats()]) {
  if (version.missing) test(`NatsBus on ${version.label}`, { skip: version.missing }, () => {});
  else await contractOn(version);
}

async function contractOn(version: NatsVersion): Promise<void> {
  const server = await NatsServer.start({ version });
  const helper = await connected(server, 'helper');
  after(async () => {
    await helper.close();
    await server.stop();
  });
  busContract(`NatsBus on ${version.label}`, async (): Promise<BusUnderTest> => {
    const bus = await connected(server, 'test');
    const settle = async (): Promise<void> => {
      await bus.flush();
      // The stream takes messages in turn: when it has this one, it has all before it.
      const marker = `${audioPrefix}marker.${randomBytes(8).toString('hex')}`;
      helper.publish(marker, Buffer.from('.'));
      const held = () => helper.history(marker, { maxBytes: 1, maxAgeMs: 60_000 });
      await eventually('the stream has what was published', async () => (await held()).length === 1);
      await bus.flush();
      await new Promise((resolve) => setImmediate(resolve));
    };
    const passTime = async (ms: number): Promise<void> => void (await sleep(ms));
    return { bus, retainedPrefix: audioPrefix, settle, passTime };
  });
}

async function connected(server: NatsServer, name: string): Promise<NatsBus> {
  const bus = new NatsBus({
    servers: [server.address],
    name,
    clock: new SystemClock(),
    audioPrefix,
    stream,
    // So that history comes from the stream, not from who has just published.
    ringMs: 1,
  });
  await eventually('the bus is connected', () => bus.connected);
  return bus;
}
