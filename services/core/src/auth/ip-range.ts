/**
 * Ranges of IP addresses: a single address, or one with the number of leading bits that
 * count (RFC 4632 §3.1, RFC 4291 §2.3). Each range has one spelling: bits that do not count
 * are zero, and a range that is one address is written as that address.
 */
import { formatIp, parseIp, unwrapIp } from '../protocols/ip-address.ts';

export type IpRange = {
  /** Four or sixteen bytes; those beyond `bits` are zero. */
  readonly base: Uint8Array;
  /** Leading bits that count: 0 to 32, or to 128. */
  readonly bits: number;
};

const bitsForm = /^(?:0|[1-9]\d{0,2})$/;
/** Before the IPv4 address in an IPv6 address that holds one. */
const mappedBits = 96;

/** Reads `192.0.2.1`, `10.0.0.0/8` or `2001:db8::/32`; a range of IPv4 within IPv6 is one of IPv4. */
export function parseIpRange(text: string): IpRange | undefined {
  const slash = text.indexOf('/');
  const bytes = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (!bytes) return undefined;
  const most = bytes.byteLength * 8;
  const bitsText = slash < 0 ? String(most) : text.slice(slash + 1);
  const bits = Number(bitsText);
  if (!bitsForm.test(bitsText) || bits > most) return undefined;
  const base = masked(bytes, bits);
  const inner = unwrapIp(base);
  return inner === base ? { base, bits } : { base: inner, bits: bits - mappedBits };
}

export function formatIpRange({ base, bits }: IpRange): string {
  const address = formatIp(base);
  return bits === base.byteLength * 8 ? address : `${address}/${bits}`;
}

/** The one spelling of a range, or undefined for what is none. */
export function canonicalIpRange(text: string): string | undefined {
  const range = parseIpRange(text);
  return range && formatIpRange(range);
}

/** A copy in which the bits after the first `bits` are zero. */
function masked(bytes: Uint8Array, bits: number): Uint8Array {
  return bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * i))));
}
