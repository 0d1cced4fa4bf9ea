/**
 * IP addresses between text and bytes. Reads the dotted form of IPv4 and every form of
 * IPv6 (RFC 4291 §2.2), strictly: no octal, no shorthand, no zone. Writes IPv6 as RFC 5952
 * wants it, and an IPv4 address wrapped in IPv6 (`::ffff:192.0.2.1`) as the IPv4 address
 * that it is, so that one client has one spelling.
 */
const decimal = /^(?:0|[1-9]\d{0,2})$/;
const group = /^[0-9A-Fa-f]{1,4}$/;
const longestText = 45;
const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** The four or sixteen bytes of an address. */
export function parseIp(text: string): Uint8Array | undefined {
  if (text.length > longestText) return undefined;
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** The four bytes of an IPv4 address within IPv6; of every other one the bytes as they are. */
export function unwrapIp(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength === 4 || !mappedPrefix.every((byte, i) => bytes[i] === byte)) return bytes;
  return bytes.subarray(12, 16);
}

/** @param wrapped four or sixteen bytes */
export function formatIp(wrapped: Uint8Array): string {
  const bytes = unwrapIp(wrapped);
  if (bytes.byteLength === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  const gap = longestZeros(groups);
  if (gap.length < 2) return groups.join(':');
  return `${groups.slice(0, gap.start).join(':')}::${groups.slice(gap.start + gap.length).join(':')}`;
}

/** The one spelling of an address, or undefined for what is none. */
export function canonicalIp(text: string): string | undefined {
  const bytes = parseIp(text);
  return bytes && formatIp(bytes);
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [i, part] of parts.entries()) {
    if (!decimal.test(part) || Number(part) > 255) return undefined;
    bytes[i] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => bytesOfGroups(half, i === halves.length - 1));
  if (!head || (halves.length === 2 && !tail)) return undefined;
  const known = head.length + (tail?.length ?? 0);
  // `::` stands for at least one group; without it all eight are there.
  if (tail ? known > 14 : known !== 16) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  if (tail) bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** @param mayEndInIpv4 the groups are the last of the address */
function bytesOfGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  const bytes: number[] = [];
  if (text === '') return bytes;
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (group.test(part)) {
      const value = Number.parseInt(part, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const embedded = mayEndInIpv4 && i === parts.length - 1 ? parseIpv4(part) : undefined;
    if (!embedded) return undefined;
    bytes.push(...embedded);
  }
  return bytes;
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [i, text] of groups.entries()) {
    length = text === '0' ? length + 1 : 0;
    if (length > best.length) best = { start: i - length + 1, length };
  }
  return best;
}
