/** The store that `[Store] Url` names: Redis, or within the process where there is none. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';
import type { StoreTls } from '@legacystream/runtime/redis-store/redis-client.ts';
import { RedisStateStore } from '@legacystream/runtime/redis-store/redis-state-store.ts';

/** @throws LegacyStreamError LS_CONFIG_INVALID, LS_CONFIG_UNREADABLE */
export async function openStore(
  settings: Settings,
  clock: Clock,
  log: Log,
  warn: (message: string) => void,
): Promise<StateStore> {
  const { url, keyPrefix } = settings.store;
  if (!url) {
    return MemoryStateStore.open({ clock, path: join(settings.server.dataDir, 'state.json'), warn });
  }
  const storeLog = log.child({ category: 'store' });
  const tls = tlsOf(settings);
  return RedisStateStore.open({
    url,
    keyPrefix,
    clock,
    ...(tls && { tls }),
    onStatus: ({ connected, ...fields }) => {
      if (connected) storeLog.info('store.connected', fields);
      else storeLog.warn('store.disconnected', fields);
    },
  });
}

function tlsOf({ store }: Settings): StoreTls | undefined {
  const tls = {
    ...(store.caPath && { ca: read(store.caPath) }),
    ...(store.certificatePath && { certificate: read(store.certificatePath) }),
    ...(store.privateKeyPath && { privateKey: read(store.privateKeyPath) }),
  };
  return Object.keys(tls).length > 0 ? tls : undefined;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new LegacyStreamError('LS_CONFIG_UNREADABLE', `cannot read ${path}`, { cause });
  }
}
