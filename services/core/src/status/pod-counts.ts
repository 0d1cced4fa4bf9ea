/**
 * What a pod says of itself every few seconds: the store keeps it only for a short time,
 * so that a dead pod's counts vanish with it (design §2.6).
 */
import type { Json } from '../ports/state-store.ts';

export type MountCounts = {
  readonly listeners: number;
  /** Listeners that ever came. */
  readonly connections: number;
  /** Listeners cut off for being too slow. */
  readonly slow: number;
  readonly bytesSent: number;
  /** The most listeners at once since the report before. */
  readonly highWater: number;
};

export type PodCounts = {
  readonly podId: string;
  readonly startedAtMs: number;
  /** TCP connections accepted since the start. */
  readonly connections: number;
  /** Requests and sessions that came of them. */
  readonly clientConnections: number;
  readonly listenerConnections: number;
  readonly sourceConnections: number;
  readonly mounts: Readonly<Record<string, MountCounts>>;
};

export const podTtlMs = 12_000;

const countFields = ['listeners', 'connections', 'slow', 'bytesSent', 'highWater'] as const;
const podFields = [
  'startedAtMs',
  'connections',
  'clientConnections',
  'listenerConnections',
  'sourceConnections',
] as const;

/** Reads a pod's document; undefined for anything that is none. */
export function parsePodCounts(document: Json | undefined): PodCounts | undefined {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return undefined;
  const pod = document as Record<string, unknown>;
  const { podId, mounts } = pod;
  if (typeof podId !== 'string' || !podFields.every((field) => isCount(pod[field]))) return undefined;
  if (typeof mounts !== 'object' || mounts === null || Array.isArray(mounts)) return undefined;
  for (const counts of Object.values(mounts as Record<string, Record<string, unknown> | null>)) {
    if (!counts || !countFields.every((field) => isCount(counts[field]))) return undefined;
  }
  return document as unknown as PodCounts;
}

function isCount(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) >= 0;
}
