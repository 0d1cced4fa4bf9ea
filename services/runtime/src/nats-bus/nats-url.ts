/**
 * Where NATS is, from one line of configuration: `nats://user:password@host:4222,host2` or
 * `tls://…`. A user name alone is a token, as everywhere in NATS; special characters are
 * percent-encoded. What is wrong is said without repeating any part of the line, because a
 * password may be in it.
 */
import { LegacyStreamError } from '@legacystream/core/errors.ts';

export type NatsAddress = {
  /** `host:port`, an IPv6 address in brackets. */
  readonly servers: readonly string[];
  /** Whether connections without TLS are refused. */
  readonly tls: boolean;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
};

type Credentials = Pick<NatsAddress, 'user' | 'password' | 'token'>;

const defaultPort = 4222;
const maxServers = 64;
const hostAndPort = /^(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\.?)(?::(\d{1,5}))?$/i;

/** @throws LegacyStreamError LS_CONFIG_INVALID */
export function parseNatsUrl(text: string): NatsAddress {
  const parts = text.trim().split(',');
  if (parts.length > maxServers) throw invalid(`has more than ${maxServers} servers`);
  const servers: string[] = [];
  let tls: boolean | undefined;
  let credentials: Credentials | undefined;
  for (const [i, part] of parts.entries()) {
    const where = parts.length > 1 ? ` (server ${i + 1})` : '';
    const [, scheme, rest = ''] = /^(?:([^/]*):\/\/)?(.*)$/s.exec(part.trim())!;
    if (scheme === undefined && i === 0) throw invalid('must begin with nats:// or tls://');
    if (scheme !== undefined) {
      const isTls = scheme.toLowerCase() === 'tls';
      if (!isTls && scheme.toLowerCase() !== 'nats')
        throw invalid(`must begin with nats:// or tls://${where}`);
      if (tls !== undefined && tls !== isTls) throw invalid('mixes nats:// and tls://');
      tls = isTls;
    }
    const at = rest.lastIndexOf('@');
    if (at >= 0) {
      const found = parseCredentials(rest.slice(0, at), where);
      if (credentials && JSON.stringify(found) !== JSON.stringify(credentials))
        throw invalid('has different credentials for its servers; NATS takes one user for all');
      credentials = found;
    }
    servers.push(parseServer(rest.slice(at + 1), where));
  }
  return { servers: [...new Set(servers)], tls: tls ?? false, ...credentials };
}

function parseServer(text: string, where: string): string {
  const [, host, port] = hostAndPort.exec(text.replace(/\/$/, '')) ?? [];
  if (host === undefined)
    throw invalid(`must name each server as host or host:port, without path or query${where}`);
  const number = port === undefined ? defaultPort : Number(port);
  if (number < 1 || number > 65_535) throw invalid(`has a port that is not between 1 and 65535${where}`);
  return `${host.toLowerCase()}:${number}`;
}

function parseCredentials(text: string, where: string): Credentials {
  const colon = text.indexOf(':');
  const decode = (part: string): string => {
    try {
      const plain = decodeURIComponent(part);
      if (plain !== '' && plain.length <= 4096) return plain;
    } catch {
      // Said below.
    }
    throw invalid(`has credentials that are empty or not percent-encoded properly${where}`);
  };
  if (colon < 0) return { token: decode(text) };
  return { user: decode(text.slice(0, colon)), password: decode(text.slice(colon + 1)) };
}

function invalid(what: string): LegacyStreamError {
  return new LegacyStreamError('LS_CONFIG_INVALID', `the NATS URL ${what}`);
}
