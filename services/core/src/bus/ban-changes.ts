/**
 * What pods tell each other of bans, as JSON: one that was set, with all that is known of it,
 * or the range of one that was lifted. The store has the same; this makes edges obey at once.
 */
import { type Ban, parseBan } from '../auth/ban.ts';
import { canonicalIpRange } from '../auth/ip-range.ts';

export type BanChange =
  | { readonly op: 'ban'; readonly ban: Ban }
  | { readonly op: 'unban'; readonly range: string };

/** Two texts of the greatest length in JSON, whose every character may take six bytes, and the rest. */
const maxMessageBytes = 6 * 1024;

export function encodeBanChange(change: BanChange): Uint8Array {
  return Buffer.from(JSON.stringify(change));
}

/** Reads a message; undefined for anything that is none. */
export function decodeBanChange(data: Uint8Array): BanChange | undefined {
  if (data.byteLength > maxMessageBytes) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { op, ban: told, range } = value as Record<string, unknown>;
  if (op === 'unban' && typeof range === 'string' && canonicalIpRange(range) === range) return { op, range };
  if (op !== 'ban' || typeof told !== 'object' || told === null) return undefined;
  const ban = parseBan((told as Record<string, unknown>)['range'], told);
  return ban && { op, ban };
}
