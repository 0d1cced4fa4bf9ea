/**
 * The PROXY protocol, versions 1 (a line of text) and 2 (binary): what a proxy says, ahead
 * of everything else on a connection, about the client whose bytes it passes on (protocols
 * §9, HAProxy's proxy-protocol.txt). Read in any pieces; written in version 2.
 *
 * Never throws on input and keeps at most {@link maxProxyHeaderBytes} of it. Whether the
 * one who says it may be believed is for the caller to know.
 */
import { LegacyStreamError } from '../errors.ts';
import { latin1Of } from '../titles/utf8.ts';
import { crc32c } from './crc32c.ts';
import { canonicalIp, formatIp, parseIp } from './ip-address.ts';

/** Of a version 2 header with everything in it; the specification allows more than anybody sends. */
export const maxProxyHeaderBytes = 4096;
/** Of a version 1 header, its line end included. */
const maxLineBytes = 107;

const signature = Uint8Array.from([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]);
const lineStarts = ['PROXY TCP4 ', 'PROXY TCP6 ', 'PROXY UNKNOWN'].map((start) =>
  Uint8Array.from(start, (char) => char.charCodeAt(0)),
);
const fixedBytes = 16;
const addressBytesOf = { unknown: 0, tcp4: 12, tcp6: 36, unix: 216 } as const;
const tlvTypes = { checksum: 0x03, tls: 0x20 } as const;
/** Types that the specification leaves to whoever uses them. */
const firstOwnType = 0xe0;
const lastOwnType = 0xef;
const portText = /^(?:0|[1-9]\d{0,4})$/;
const empty = new Uint8Array(0);

export type ProxyEndpoint = {
  /** In its one spelling; IPv4 within IPv6 as IPv4. */
  readonly address: string;
  readonly port: number;
};

/** An extension of version 2: its type, 0 to 255, and its bytes. */
export type ProxyTlv = { readonly type: number; readonly value: Uint8Array };

export type ProxyHeader = {
  readonly version: 1 | 2;
  /** `local`: the proxy speaks for itself, as to check our health. */
  readonly command: 'local' | 'proxy';
  /** The client; absent when the proxy does not know, or speaks for itself. */
  readonly source: ProxyEndpoint | undefined;
  /** Where the client connected to. */
  readonly destination: ProxyEndpoint | undefined;
  /** The client came by TLS to the proxy; undefined when that is not told. */
  readonly tls: boolean | undefined;
  readonly tlvs: readonly ProxyTlv[];
};

export type ProxyProtocolResult =
  | { readonly type: 'need-more' }
  /** The connection begins with something else; `rest` is everything pushed so far. */
  | { readonly type: 'absent'; readonly rest: Uint8Array }
  | { readonly type: 'header'; readonly header: ProxyHeader; readonly rest: Uint8Array }
  | { readonly type: 'malformed'; readonly reason: string };

const needMore: ProxyProtocolResult = { type: 'need-more' };

/** Reads the header of one connection; what it says once it does not need more is final. */
export class ProxyProtocolParser {
  #bytes: Uint8Array = empty;

  /** Takes the next bytes of the connection, until it answers something else than `need-more`. */
  push(chunk: Uint8Array): ProxyProtocolResult {
    const bytes = join(this.#bytes, chunk);
    const result = parse(bytes);
    this.#bytes = result.type === 'need-more' ? bytes : empty;
    return result;
  }
}

function parse(bytes: Uint8Array): ProxyProtocolResult {
  const binary = compareStart(bytes, signature);
  if (binary === 'equal') return parseBinary(bytes);
  let mayBegin = binary === 'so-far';
  for (const start of lineStarts) {
    const match = compareStart(bytes, start);
    if (match === 'equal') return parseLine(bytes);
    mayBegin ||= match === 'so-far';
  }
  return mayBegin ? needMore : { type: 'absent', rest: bytes };
}

function parseLine(bytes: Uint8Array): ProxyProtocolResult {
  const end = bytes.subarray(0, maxLineBytes).indexOf(0x0a);
  if (end < 0)
    return bytes.byteLength < maxLineBytes ? needMore : malformed(`no line end in ${maxLineBytes} bytes`);
  const text = latin1Of(bytes.subarray(0, end));
  if (!text.endsWith('\r')) return malformed('the line does not end in CR LF');
  const [, family, sourceIp = '', destinationIp = '', sourcePort = '', destinationPort = '', ...more] = text
    .slice(0, -1)
    .split(' ');
  const rest = bytes.subarray(end + 1);
  if (family === 'UNKNOWN') return { type: 'header', header: headerOf(1, 'proxy'), rest };
  if (family !== 'TCP4' && family !== 'TCP6') return malformed('the line names no known family');
  const source = textEndpoint(family, sourceIp, sourcePort);
  const destination = textEndpoint(family, destinationIp, destinationPort);
  if (!source || !destination || more.length > 0)
    return malformed('the line is not two addresses and two ports');
  return { type: 'header', header: { ...headerOf(1, 'proxy'), source, destination }, rest };
}

function textEndpoint(family: 'TCP4' | 'TCP6', ip: string, port: string): ProxyEndpoint | undefined {
  const address = canonicalIp(ip);
  if (!address || ip.includes(':') !== (family === 'TCP6')) return undefined;
  return portText.test(port) && Number(port) <= 0xffff ? { address, port: Number(port) } : undefined;
}

function parseBinary(bytes: Uint8Array): ProxyProtocolResult {
  if (bytes.byteLength < fixedBytes) return needMore;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const versionAndCommand = bytes[12]!;
  if (versionAndCommand >> 4 !== 2) return malformed('the version is not 2');
  const command = versionAndCommand & 0x0f;
  if (command > 1) return malformed('the command is neither LOCAL nor PROXY');
  const length = fixedBytes + view.getUint16(14);
  if (length > maxProxyHeaderBytes)
    return malformed(`the header is longer than ${maxProxyHeaderBytes} bytes`);
  if (bytes.byteLength < length) return needMore;
  const rest = bytes.subarray(length);
  // What a proxy that speaks for itself says of addresses is to be passed over, whatever it is.
  if (command === 0) return { type: 'header', header: headerOf(2, 'local'), rest };
  const family = familyOf(bytes[13]!);
  if (!family) return malformed('the address family or transport is unknown');
  const header = bytes.subarray(0, length);
  // Without a family nothing tells where extensions would begin.
  if (family === 'unknown') return { type: 'header', header: headerOf(2, 'proxy'), rest };
  const tlvsStart = fixedBytes + addressBytesOf[family];
  if (length < tlvsStart) return malformed('the header is too short for its addresses');
  const tlvs = readTlvs(header, tlvsStart);
  if (typeof tlvs === 'string') return malformed(tlvs);
  return {
    type: 'header',
    header: {
      ...headerOf(2, 'proxy'),
      ...endpointsOf(header, family),
      tls: tlsOf(tlvs),
      tlvs: tlvs.map(({ type, value }) => ({ type, value: Uint8Array.from(value) })),
    },
    rest,
  };
}

/** The layout of the addresses; undefined for a byte that the specification does not know. */
function familyOf(byte: number): keyof typeof addressBytesOf | undefined {
  const family = byte >> 4;
  const transport = byte & 0x0f;
  if (family > 3 || transport > 2) return undefined;
  // Only a stream can have come here; of anything else the addresses mean nothing to us.
  if (family === 0 || transport !== 1) return 'unknown';
  return family === 1 ? 'tcp4' : family === 2 ? 'tcp6' : 'unix';
}

function endpointsOf(
  header: Uint8Array,
  family: 'tcp4' | 'tcp6' | 'unix',
): Pick<ProxyHeader, 'source' | 'destination'> {
  if (family === 'unix') return { source: undefined, destination: undefined };
  const width = family === 'tcp4' ? 4 : 16;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const endpoint = (index: 0 | 1): ProxyEndpoint => {
    const start = fixedBytes + index * width;
    const port = view.getUint16(fixedBytes + 2 * width + 2 * index);
    return { address: formatIp(header.subarray(start, start + width)), port };
  };
  return { source: endpoint(0), destination: endpoint(1) };
}

/** The extensions, or why they cannot be read; a checksum among them is right. */
function readTlvs(header: Uint8Array, start: number): ProxyTlv[] | string {
  const tlvs: ProxyTlv[] = [];
  let at = start;
  let checksumAt: number | undefined;
  while (at < header.byteLength) {
    if (header.byteLength - at < 3) return 'an extension is cut off';
    const type = header[at]!;
    const valueStart = at + 3;
    const end = valueStart + ((header[at + 1]! << 8) | header[at + 2]!);
    if (end > header.byteLength) return 'an extension is longer than the header';
    if (type === tlvTypes.checksum) {
      if (end - valueStart !== 4 || checksumAt !== undefined) return 'the checksum is not four bytes, once';
      checksumAt = valueStart;
    }
    if (type === tlvTypes.tls && end - valueStart < 5) return 'the TLS extension is too short';
    tlvs.push({ type, value: header.subarray(valueStart, end) });
    at = end;
  }
  if (checksumAt !== undefined && !isChecksumRight(header, checksumAt)) return 'the checksum is wrong';
  return tlvs;
}

/** The checksum is that of the header with zeros in its place. */
function isChecksumRight(header: Uint8Array, at: number): boolean {
  // A slice of a Buffer would be the same memory.
  const copy = Uint8Array.from(header);
  const view = new DataView(copy.buffer);
  const told = view.getUint32(at);
  view.setUint32(at, 0);
  return crc32c(copy) === told;
}

function tlsOf(tlvs: readonly ProxyTlv[]): boolean | undefined {
  const tlv = tlvs.find(({ type }) => type === tlvTypes.tls);
  return tlv && (tlv.value[0]! & 1) === 1;
}

export type ProxyHeaderToSend = {
  /** The client, and where it connected to: both IPv4, or both sent as IPv6. */
  readonly source: ProxyEndpoint;
  readonly destination: ProxyEndpoint;
  /** The client came by TLS. */
  readonly tls?: boolean;
  /** Own extensions, of types 0xE0 to 0xEF. */
  readonly tlvs?: readonly ProxyTlv[];
};

/**
 * A version 2 header with a checksum.
 * @throws LegacyStreamError LS_PARAMETER_INVALID for what cannot be sent
 */
export function encodeProxyHeader({ source, destination, tls, tlvs = [] }: ProxyHeaderToSend): Uint8Array {
  const ips = [source, destination].map(({ address }) => parseIp(address));
  const width = ips.every((ip) => ip?.byteLength === 4) ? 4 : 16;
  const parts: Uint8Array[] = [];
  for (const ip of ips) {
    if (!ip) throw invalid('a PROXY header needs two addresses');
    parts.push(width === ip.byteLength ? ip : Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...ip));
  }
  for (const { port } of [source, destination]) {
    if (!Number.isInteger(port) || port < 0 || port > 0xffff) throw invalid('a PROXY header needs two ports');
    parts.push(Uint8Array.of(port >> 8, port & 0xff));
  }
  parts.push(...encodeTlv(tlvTypes.checksum, new Uint8Array(4)));
  // TLS was spoken, and no certificate of the client verified.
  if (tls) parts.push(...encodeTlv(tlvTypes.tls, Uint8Array.of(1, 0, 0, 0, 1)));
  for (const { type, value } of tlvs) {
    if (!(type >= firstOwnType && type <= lastOwnType))
      throw invalid('an own extension has type 0xE0 to 0xEF');
    parts.push(...encodeTlv(type, value));
  }
  const header = binaryHeader(0x21, width === 4 ? 0x11 : 0x21, parts);
  const view = new DataView(header.buffer);
  view.setUint32(fixedBytes + 2 * width + 4 + 3, crc32c(header));
  return header;
}

/** What a proxy says that connects for itself. */
export function encodeLocalProxyHeader(): Uint8Array {
  return binaryHeader(0x20, 0, []);
}

function binaryHeader(versionAndCommand: number, family: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
  if (fixedBytes + length > maxProxyHeaderBytes) {
    throw invalid(`a PROXY header has at most ${maxProxyHeaderBytes} bytes`);
  }
  const header = new Uint8Array(fixedBytes + length);
  header.set(signature);
  header.set([versionAndCommand, family, length >> 8, length & 0xff], signature.length);
  let at = fixedBytes;
  for (const part of parts) {
    header.set(part, at);
    at += part.byteLength;
  }
  return header;
}

function encodeTlv(type: number, value: Uint8Array): Uint8Array[] {
  return [Uint8Array.of(type, value.byteLength >> 8, value.byteLength & 0xff), value];
}

function headerOf(version: 1 | 2, command: 'local' | 'proxy'): ProxyHeader {
  return { version, command, source: undefined, destination: undefined, tls: undefined, tlvs: [] };
}

function malformed(reason: string): ProxyProtocolResult {
  return { type: 'malformed', reason };
}

function invalid(reason: string): LegacyStreamError {
  return new LegacyStreamError('LS_PARAMETER_INVALID', reason);
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.byteLength === 0) return second;
  const joined = new Uint8Array(first.byteLength + second.byteLength);
  joined.set(first);
  joined.set(second, first.byteLength);
  return joined;
}

/** Whether the bytes begin with `start`, or are as yet a beginning of it. */
function compareStart(bytes: Uint8Array, start: Uint8Array): 'equal' | 'so-far' | 'different' {
  const length = Math.min(bytes.length, start.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== start[i]) return 'different';
  return length === start.length ? 'equal' : 'so-far';
}
