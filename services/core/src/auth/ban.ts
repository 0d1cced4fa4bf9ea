/**
 * A range of addresses that an operator has shut out from listening, as it stands in the
 * store under the range in its one spelling (kind `ban`).
 */
import type { Json } from '../ports/state-store.ts';
import { canonicalIpRange } from './ip-range.ts';

export type Ban = {
  /** In its one spelling (ip-range.ts). */
  readonly range: string;
  /** The operator's words, perhaps none. */
  readonly reason: string;
  /** Name of the operator. */
  readonly by: string;
  /** By the wall clock of the server that was asked. */
  readonly createdAtMs: number;
  /** By the wall clock; null for a ban that stands until it is lifted. */
  readonly expiresAtMs: number | null;
};

/** Bans at once. */
export const maxBans = 5_000;
/** Characters of a reason, and of a name. */
export const maxBanText = 200;

/** What the store keeps of a ban. */
export function banDocument({ reason, by, createdAtMs, expiresAtMs }: Ban): Json {
  return { reason, by, createdAtMs, expiresAtMs };
}

/** A ban from a range and what the store, or a message, says of it; undefined for anything that is none. */
export function parseBan(range: unknown, value: unknown): Ban | undefined {
  if (typeof range !== 'string' || canonicalIpRange(range) !== range) return undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  const { reason, by, createdAtMs, expiresAtMs } = value as Record<string, unknown>;
  if (!isText(reason) || !isText(by) || !isTime(createdAtMs)) return undefined;
  if (expiresAtMs !== null && !isTime(expiresAtMs)) return undefined;
  return { range, reason, by, createdAtMs, expiresAtMs };
}

function isText(value: unknown): value is string {
  // As many code points may be twice as many units.
  return typeof value === 'string' && value.length <= 2 * maxBanText;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
