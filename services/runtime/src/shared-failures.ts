/**
 * Makes failed logins count in the whole fleet: guessing is slowed down however the
 * attempts spread over pods and threads.
 */
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Bus, Subscription } from '@legacystream/core/ports/bus.ts';
import type { Access } from './access.ts';

const maxPairBytes = 512;

export function shareFailures(
  access: Access,
  bus: Pick<Bus, 'publish' | 'subscribe'>,
  subjects: Subjects,
  podId: string,
): Subscription {
  const from = `${podId} `;
  access.onFailure = (pair) => bus.publish(subjects.loginFailures, Buffer.from(from + pair));
  return bus.subscribe(subjects.loginFailures, (data) => {
    if (data.byteLength > maxPairBytes) return;
    const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8');
    if (!text.startsWith(from)) access.recordFailure(text.slice(text.indexOf(' ') + 1));
  });
}
