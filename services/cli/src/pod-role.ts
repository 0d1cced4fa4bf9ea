/**
 * What a process of the fleet does (design §1). All of them are the same program: they
 * differ in who may come to their ports.
 */
import type { Settings } from '@legacystream/runtime/config/settings.ts';

export const podRoles = ['standalone', 'ingest', 'edge', 'control'] as const;
export type PodRole = (typeof podRoles)[number];

/** Sources stay here; elsewhere they are passed on, or refused. */
export function takesSources(role: PodRole): boolean {
  return role === 'standalone' || role === 'ingest';
}

export function servesListeners(role: PodRole): boolean {
  return role === 'standalone' || role === 'edge';
}

/** Its listeners have somewhere else to go. */
export function drains(role: PodRole): boolean {
  return role === 'edge';
}

/**
 * The settings as they count for a role: where no listener comes none is counted, and control
 * has a port of its own and nothing that encoders ask for.
 */
export function settingsOf(role: PodRole, given: Settings): Settings {
  if (servesListeners(role)) return given;
  const settings: Settings = { ...given, hls: { ...given.hls, counting: 'off' } };
  if (role !== 'control') return settings;
  return {
    ...settings,
    server: { ...settings.server, httpPort: settings.control.port, shoutcastPort: 'off', workerThreads: 1 },
    ssl: { ...settings.ssl, enabled: false },
  };
}

/** What a role of a fleet cannot do without. @returns sentences for the operator */
export function missingFor(role: PodRole, { bus, store, cluster }: Settings): string[] {
  const missing: string[] = [];
  if (role !== 'standalone') {
    if (!bus.url) missing.push(`${role} needs [Bus] Url: by itself it would meet no other server`);
    if (!store.url)
      missing.push(`${role} needs [Store] Url: by itself it would remember nothing of the others`);
  } else if (Boolean(bus.url) !== Boolean(store.url)) {
    missing.push('[Bus] Url and [Store] Url are given together or not at all');
  }
  if (bus.url && cluster.name === '') missing.push('[Cluster] Name is empty');
  return missing;
}
