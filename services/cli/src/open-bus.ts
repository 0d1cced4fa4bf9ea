/** The bus that `[Bus] Url` names: NATS, or within the process where there is none. */
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock } from '@legacystream/core/clock.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { MemoryBus } from '@legacystream/runtime/memory-bus.ts';
import { NatsBus } from '@legacystream/runtime/nats-bus/nats-bus.ts';
import type { NatsBusOptions, NatsStatus } from '@legacystream/runtime/nats-bus/nats-bus-options.ts';
import { parseNatsUrl } from '@legacystream/runtime/nats-bus/nats-url.ts';
import type { PodRole } from './pod-role.ts';

/**
 * @throws LegacyStreamError LS_CONFIG_INVALID, LS_CONFIG_UNREADABLE
 */
export function openBus(settings: Settings, podId: string, role: PodRole, clock: Clock, log: Log): Bus {
  const { url } = settings.bus;
  const { audioPrefix } = new Subjects(settings.cluster.name);
  const busLog = log.child({ category: 'bus' });
  const onHandlerError = (error: unknown, subject: string) =>
    busLog.error('bus.handler_failed', { subject, error });
  if (!url) return new MemoryBus({ clock, retain: audioPrefix, onHandlerError });
  return new NatsBus({
    ...natsOptionsOf(settings),
    name: podId,
    clock,
    audioPrefix,
    inboxPrefix: `_INBOX.${role}`,
    stream: {
      name: `LS_${settings.cluster.name}`,
      manages: role !== 'edge',
      maxBytes: settings.bus.historyBytes,
      ...(settings.bus.replicas === 'auto' ? {} : { replicas: settings.bus.replicas }),
    },
    onStatus: (status) => tell(busLog, status),
    onHandlerError,
  });
}

function natsOptionsOf({
  bus,
}: Settings): Pick<NatsBusOptions, 'servers' | 'user' | 'password' | 'token' | 'credentialsPath' | 'tls'> {
  const { tls, ...address } = parseNatsUrl(bus.url);
  const files = {
    ...(bus.caPath && { caPath: bus.caPath }),
    ...(bus.certificatePath && { certificatePath: bus.certificatePath }),
    ...(bus.privateKeyPath && { privateKeyPath: bus.privateKeyPath }),
  };
  return {
    ...address,
    ...(bus.credentialsFile && { credentialsPath: bus.credentialsFile }),
    ...((tls || Object.keys(files).length > 0) && { tls: files }),
  };
}

function tell(log: Log, status: NatsStatus): void {
  const { event, ...fields } = status;
  const isGood = event === 'connected' || event.startsWith('stream.created') || event === 'stream.updated';
  if (isGood) log.info(`bus.${event}`, fields);
  else log.warn(`bus.${event}`, fields);
}
