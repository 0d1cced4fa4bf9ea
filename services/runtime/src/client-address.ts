/**
 * Who a client is, behind however many proxies: the one place that decides it, for access
 * log, limits, logins, listener details and links.
 *
 * The other end of a connection is the peer: what the PROXY protocol told of it, or else
 * what the socket says. Only a peer within `[Server] TrustedProxies` is asked further: then
 * `X-Forwarded-For` is read from its right end, where the nearest proxy wrote, and the
 * first address that is no trusted proxy's is the client's. Where that header is missing
 * `Forwarded` (RFC 7239) counts, then `X-Real-IP`. A trusted proxy has to set or remove
 * `X-Forwarded-For`; headers that it merely passes on are the client's own words.
 */
import type { Socket } from 'node:net';
import type { IpRangeSet } from '@legacystream/core/auth/ip-range-set.ts';
import { canonicalIp } from '@legacystream/core/protocols/ip-address.ts';

/** The other end of a connection, where it is not simply the socket's. */
export type Peer = {
  readonly ip: string;
  /** It spoke TLS to the proxy that told of it. */
  readonly secure: boolean;
  /** Present for a peer that is itself a trusted proxy: whom it may name, and where that ends. */
  readonly proxies: IpRangeSet | undefined;
};

export type ClientAddress = {
  /** In its one spelling; IPv4 within IPv6 as IPv4. */
  readonly ip: string;
  /** The client speaks TLS, to us or to a trusted proxy. */
  readonly secure: boolean;
  /** The host that the client asked for. */
  readonly host: string | undefined;
};

/** Header fields by their names in lower case. */
export type HeaderFields =
  | ReadonlyMap<string, string>
  | { readonly [name: string]: string | readonly string[] | undefined };

/** Proxies in a row that are followed; a longer chain ends here. */
const maxHops = 32;
const listFields = new Set(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded']);
const noPeers: ReadonlyMap<string, string> = new Map();
const peers = new WeakMap<Socket, Peer>();

/** `::ffff:192.0.2.1` → `192.0.2.1`; an address that is unknown because the client is gone → `0.0.0.0`. */
export function canonicalAddress(address: string | undefined): string {
  if (!address) return '0.0.0.0';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/**
 * Notes once per connection who is at its other end. For peers that are no proxies, and
 * of whom nothing was told, nothing is kept.
 * @param told what the PROXY protocol says of the client
 */
export function notePeer(
  socket: Socket,
  proxies: IpRangeSet,
  told?: { readonly ip: string; readonly secure: boolean },
): void {
  const ip = told?.ip ?? canonicalAddress(socket.remoteAddress);
  const isProxy = proxies.contains(ip);
  if (!told && !isProxy) return;
  peers.set(socket, { ip, secure: told?.secure ?? false, proxies: isProxy ? proxies : undefined });
}

/** What was noted of a connection, for the socket that decrypts it. */
export function notedPeer(socket: Socket): Peer | undefined {
  return peers.get(socket);
}

export function passPeerOn(peer: Peer, socket: Socket): void {
  peers.set(socket, peer);
}

/** Who sent a request; without one, who opened the connection. */
export function clientAddressOf(socket: Socket, fields: HeaderFields = noPeers): ClientAddress {
  const peer = peers.get(socket);
  const direct = {
    ip: peer?.ip ?? canonicalAddress(socket.remoteAddress),
    secure: 'encrypted' in socket || (peer?.secure ?? false),
    host: fieldOf(fields, 'host'),
  };
  return peer?.proxies ? behindProxies(direct, fields, peer.proxies) : direct;
}

/**
 * The fields of a head in which proxies tell of the client, every line of a name counted:
 * one proxy adds to the line that came, the next writes one below it, and to take the first
 * line alone would be to take the client's. Cheap enough for the few connections of proxies.
 */
export function forwardingFields(
  socket: Socket,
  head: Uint8Array,
  fields: ReadonlyMap<string, string>,
): HeaderFields {
  if (!peers.get(socket)?.proxies) return fields;
  const lines = new Map<string, string>();
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  for (const line of text.split('\n')) {
    const name = line.slice(0, Math.max(0, line.indexOf(':'))).toLowerCase();
    if (!listFields.has(name) && name !== 'x-real-ip') continue;
    const value = line.slice(name.length + 1).trim();
    const earlier = lines.get(name);
    lines.set(name, earlier !== undefined && listFields.has(name) ? `${earlier}, ${value}` : value);
  }
  return new Map([...fields, ...lines]);
}

/** What one proxy says of who connected to it. */
type Hop = { readonly node: string; readonly proto?: string | undefined; readonly host?: string | undefined };

function behindProxies(direct: ClientAddress, fields: HeaderFields, proxies: IpRangeSet): ClientAddress {
  const hops = hopsOf(fields).slice(-maxHops);
  let { ip } = direct;
  let client: Hop | undefined = hops.at(-1);
  for (const hop of hops.reverse()) {
    const address = addressOf(hop.node);
    // A proxy that does not say whom it serves is itself as far as can be seen.
    if (address === undefined) break;
    ip = address;
    client = hop;
    if (!proxies.contains(address)) break;
  }
  const proto = client?.proto?.toLowerCase();
  return {
    ip,
    secure: proto === 'https' ? true : proto === 'http' ? false : direct.secure,
    host: client?.host || direct.host,
  };
}

/** Nearest proxy last. */
function hopsOf(fields: HeaderFields): Hop[] {
  const forwarded = fieldOf(fields, 'forwarded');
  const listed = listOf(fieldOf(fields, 'x-forwarded-for'));
  if (listed.length === 0 && forwarded) return forwardedHops(forwarded) ?? [];
  const nodes = listed.length > 0 ? listed : [fieldOf(fields, 'x-real-ip') ?? ''];
  const protos = listOf(fieldOf(fields, 'x-forwarded-proto'));
  const hosts = listOf(fieldOf(fields, 'x-forwarded-host'));
  // Counted from the right as well; a proxy that does not add to a list passes on what it says of the client.
  const fromRight = (list: readonly string[], i: number) =>
    list[Math.max(0, list.length - (nodes.length - i))];
  return nodes.map((node, i) => ({ node, proto: fromRight(protos, i), host: fromRight(hosts, i) }));
}

/** The elements of `Forwarded`; undefined when it is malformed, which distrusts all of it. */
function forwardedHops(text: string): Hop[] | undefined {
  const hops: Hop[] = [];
  const pair = /[ \t]*(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^\s",;=]+)[ \t]*)?([,;]|$)/y;
  let fields = new Map<string, string>();
  while (pair.lastIndex <= text.length) {
    const found = pair.exec(text);
    if (!found) return undefined;
    const [, name, value = '', separator] = found;
    if (name) fields.set(name.toLowerCase(), unquoted(value));
    if (separator !== ';') {
      if (fields.size > 0) {
        hops.push({ node: fields.get('for') ?? '', proto: fields.get('proto'), host: fields.get('host') });
      }
      fields = new Map();
    }
    if (separator === '') break;
  }
  return hops;
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
}

/** The address of `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`. */
function addressOf(node: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::\w*)?|([0-9.]+):\w*)$/.exec(node) ?? [];
  return canonicalIp(bracketed ?? plain ?? node);
}

function listOf(text: string | undefined): string[] {
  return text
    ? text
        .split(',')
        .slice(-maxHops)
        .map((item) => item.trim())
    : [];
}

function fieldOf(fields: HeaderFields, name: string): string | undefined {
  const value = fields instanceof Map ? fields.get(name) : (fields as Record<string, unknown>)[name];
  return value === undefined ? undefined : String(value);
}
