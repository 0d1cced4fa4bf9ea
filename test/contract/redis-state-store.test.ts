/** The contract of the store on real Redis in every form, one server, Sentinels and a cluster, and on Valkey. */
import { after, before, describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisStateStore } from '@legacystream/runtime/redis-store/redis-state-store.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { missingProgram } from '../programs.mjs';
import { RedisCluster, RedisSentinels, RedisServer } from '../support/redis-server.ts';
import { findValkey } from '../support/valkey-program.ts';
import { stateStoreContract } from './state-store.contract.ts';

type Redis = { readonly url: string; stop(): Promise<void> };

function contractOn(name: string, skip: string | false, start: () => Promise<Redis>): void {
  describe(name, { skip }, () => {
    let redis: Redis;
    before(async () => {
      redis = await start();
    });
    after(() => redis.stop());
    const clock = new SystemClock();
    stateStoreContract(name, async () => ({
      store: await RedisStateStore.open({ url: redis.url, clock }),
      // Times to live count in Redis, and its clock cannot be moved.
      passTime: (ms) => sleep(ms + 5),
      wallMs: () => clock.wallMs(),
    }));
  });
}

contractOn('RedisStateStore on one server', missingProgram('redis-server', 'redis-cli'), () =>
  RedisServer.start(),
);
contractOn(
  'RedisStateStore with Sentinels',
  missingProgram('redis-server', 'redis-sentinel', 'redis-cli'),
  () => RedisSentinels.start(),
);
contractOn('RedisStateStore on a cluster', missingProgram('redis-server', 'redis-cli'), () =>
  RedisCluster.start(),
);

const valkey = await findValkey();
contractOn(
  'RedisStateStore on Valkey',
  missingProgram('redis-cli') || ('missing' in valkey && valkey.missing),
  () => RedisServer.start('path' in valkey ? { program: valkey.path } : {}),
);
