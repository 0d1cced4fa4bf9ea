/**
 * A set of address ranges that is asked often: one look-up for each length of prefix that
 * occurs in it, however many ranges there are.
 */
import { parseIp, unwrapIp } from '../protocols/ip-address.ts';
import { type IpRange, parseIpRange } from './ip-range.ts';

/** The bases of ranges by their number of bits. */
type Bases = Map<number, Set<string>>;

export class IpRangeSet {
  readonly #ofIpv4: Bases = new Map();
  readonly #ofIpv6: Bases = new Map();

  /** @param ranges in any spelling; what is no range is left out */
  constructor(ranges: Iterable<string> = []) {
    for (const range of ranges) this.add(range);
  }

  get isEmpty(): boolean {
    return this.#ofIpv4.size === 0 && this.#ofIpv6.size === 0;
  }

  add(text: string): void {
    const range = parseIpRange(text);
    if (!range) return;
    const bases = this.#basesOf(range.base);
    const known = bases.get(range.bits);
    if (known) known.add(keyOf(range));
    else bases.set(range.bits, new Set([keyOf(range)]));
  }

  delete(text: string): void {
    const range = parseIpRange(text);
    if (!range) return;
    const bases = this.#basesOf(range.base);
    const known = bases.get(range.bits);
    known?.delete(keyOf(range));
    if (known?.size === 0) bases.delete(range.bits);
  }

  /** @param ip in any spelling, with a zone or without; false for what is no address */
  contains(ip: string): boolean {
    if (this.isEmpty) return false;
    const zone = ip.indexOf('%');
    const bytes = parseIp(zone < 0 ? ip : ip.slice(0, zone));
    if (!bytes) return false;
    const base = unwrapIp(bytes);
    for (const [bits, known] of this.#basesOf(base)) if (known.has(keyOf({ base, bits }))) return true;
    return false;
  }

  #basesOf(base: Uint8Array): Bases {
    return base.byteLength === 4 ? this.#ofIpv4 : this.#ofIpv6;
  }
}

/** A character for each byte of which a bit counts. */
function keyOf({ base, bits }: IpRange): string {
  let key = '';
  for (let i = 0; 8 * i < bits; i += 1)
    key += String.fromCharCode(base[i]! & (0xff00 >> Math.min(8, bits - 8 * i)));
  return key;
}
