/**
 * The address of the store as operators write it: one URL for a single server, for
 * Sentinels with the name of their primary, or for the seeds of a cluster.
 *
 *     redis://[user:password@]host[:port][/db]                     rediss:// with TLS
 *     redis+sentinel://[user:password@]host[:port],…/name[/db]     rediss+sentinel://
 *     redis+cluster://[user:password@]host[:port],…                rediss+cluster://
 *
 * Parts of the user information that hold `/`, `@`, `:` or `,` are percent-encoded. No
 * message repeats any part of the URL: a password that is written wrongly may be anywhere in it.
 */
import { LegacyStreamError } from '@legacystream/core/errors.ts';

export type StoreNode = { readonly host: string; readonly port: number };

export type StoreAddress = {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The server, the Sentinels or the seeds of the cluster. */
  readonly nodes: readonly StoreNode[];
  /** The name under which the Sentinels know the primary; empty without Sentinels. */
  readonly primaryName: string;
  readonly db: number;
};

const kinds = { '': 'single', '+sentinel': 'sentinel', '+cluster': 'cluster' } as const;
const defaultPort = { single: 6379, sentinel: 26_379, cluster: 6379 } as const;

const shape = /^redis(s?)(\+sentinel|\+cluster|):\/\/([^/?#]*)(?:\/([^?#]*))?$/;
const node = /^(\[[\da-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/;
const primaryNamePattern = /^[\w.-]{1,128}$/;
const maxUrlChars = 4096;
const maxNodes = 32;
const maxDb = 65_535;

/** @throws LegacyStreamError LS_CONFIG_INVALID */
export function parseStoreUrl(url: string): StoreAddress {
  const match = url.length <= maxUrlChars ? shape.exec(url) : null;
  if (!match) {
    throw invalid(
      'must begin with redis://, rediss://, redis+sentinel:// or redis+cluster:// and have neither ? nor #',
    );
  }
  const kind = kinds[match[2] as keyof typeof kinds];
  const authority = match[3]!;
  const path = match[4] ? match[4].split('/') : [];
  const at = authority.lastIndexOf('@');
  if (path.some((part) => part.includes('@'))) throw invalid('must have its / before the @ written as %2F');
  return {
    kind,
    tls: match[1] === 's',
    ...parseUser(authority.slice(0, Math.max(at, 0))),
    nodes: parseNodes(authority.slice(at + 1), kind),
    ...parsePath(path, kind),
  };
}

function parseUser(text: string): Pick<StoreAddress, 'username' | 'password'> {
  const colon = text.indexOf(':');
  const [user, password] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  if (/[@,]/.test(user) || /[@:]/.test(password)) {
    throw invalid('must have the : , and @ of its user and password percent-encoded');
  }
  try {
    return {
      username: decodeURIComponent(user) || undefined,
      password: decodeURIComponent(password) || undefined,
    };
  } catch {
    throw invalid('has a % in its user or password that begins no percent-encoding');
  }
}

function parseNodes(text: string, kind: StoreAddress['kind']): StoreNode[] {
  const parts = text.split(',');
  if (kind === 'single' && parts.length > 1) {
    throw invalid('names several hosts, which only redis+sentinel:// and redis+cluster:// do');
  }
  if (parts.length > maxNodes) throw invalid(`names more than ${maxNodes} hosts`);
  return parts.map((part, index) => {
    const match = node.exec(part);
    const port = match?.[2] === undefined ? defaultPort[kind] : Number(match[2]);
    if (!match || port < 1 || port > 65_535) {
      throw invalid(`must have host:port, with a port from 1 to 65535, as number ${index + 1} of its hosts`);
    }
    return { host: match[1]!.replace(/^\[|\]$/g, ''), port };
  });
}

function parsePath(
  path: readonly string[],
  kind: StoreAddress['kind'],
): Pick<StoreAddress, 'primaryName' | 'db'> {
  const rest = path.filter((part, index) => part !== '' || index < path.length - 1);
  let primaryName = '';
  if (kind === 'sentinel') {
    primaryName = rest.shift() ?? '';
    if (!primaryNamePattern.test(primaryName)) {
      throw invalid('must name the primary after its Sentinels, as in redis+sentinel://host:26379/mymaster');
    }
  }
  const db = rest.shift() ?? '0';
  if (rest.length > 0 || !/^\d{1,5}$/.test(db) || Number(db) > maxDb) {
    throw invalid(`must end with the number of a database, from 0 to ${maxDb}, or with none`);
  }
  if (kind === 'cluster' && Number(db) !== 0) throw invalid('cannot choose a database: a cluster has only 0');
  return { primaryName, db: Number(db) };
}

function invalid(what: string): LegacyStreamError {
  return new LegacyStreamError('LS_CONFIG_INVALID', `the URL of the store ${what}`);
}
