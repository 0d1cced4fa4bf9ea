/**
 * The Redis client for an address, set to fail fast: nothing is queued while there is no
 * connection, nothing is sent again after one was lost, and a server that takes connections
 * but does not answer (a frozen machine, a lost network) is noticed and left.
 */
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { QuietSentinels } from './quiet-sentinels.ts';
import type { RedisScript } from './redis-script.ts';
import type { StoreAddress } from './store-url.ts';

/** TLS beyond what the system trusts; all but the name are PEM texts. */
export type StoreTls = {
  readonly ca?: string;
  readonly certificate?: string;
  readonly privateKey?: string;
  /** The name that the certificate must have, when it is not the host of the URL. */
  readonly serverName?: string;
};

/** The Sentinels may ask for a user and password of their own. */
export type SentinelUser = { readonly username?: string; readonly password?: string };

/** How long a connection waits for what. */
export type Patience = {
  /** For the answer to one command. */
  readonly commandMs: number;
  /** A connection that owes an answer, and gives no byte for so long, is given up; its successor may lead elsewhere. */
  readonly socketMs: number;
  /** For a call, whatever it asks. */
  readonly callMs: number;
};

export type ClientOptions = {
  readonly address: StoreAddress;
  readonly tls: StoreTls | undefined;
  readonly sentinelUser: SentinelUser | undefined;
  readonly scripts: readonly RedisScript[];
  readonly patience?: Patience;
};

export type RedisClient = Redis | Cluster;

/** Without what belongs to the client's generic parameter. */
type NodeOptions = Omit<RedisOptions, 'replyMapping'>;

export const defaultPatience: Patience = { commandMs: 800, socketMs: 1500, callMs: 1000 };
/** For what Sentinels and nodes of a cluster say of the others. */
const lookupTimeoutMs = 800;
const connectTimeoutMs = 2000;
/** How long a frozen peer may take to close its side. */
const disconnectTimeoutMs = 300;
const retryCapMs = 1000;
/** Each waits 100 ms, and all of them together less than a call's deadline. */
const maxRedirections = 6;

export function createRedisClient(options: ClientOptions): RedisClient {
  const { address } = options;
  const scripts = Object.fromEntries(
    options.scripts.map(({ name, lua, numberOfKeys }) => [
      name,
      { lua, ...(numberOfKeys !== undefined && { numberOfKeys }) },
    ]),
  );
  if (address.kind === 'cluster') return createCluster(options, scripts);
  const common: NodeOptions = {
    ...connectionOptions(options),
    scripts,
    db: address.db,
    enableOfflineQueue: false,
    retryStrategy: retryDelayMs,
  };
  if (address.kind === 'single') return new Redis({ ...common, ...address.nodes[0] });
  const { tls } = common;
  return new Redis({
    ...common,
    Connector: QuietSentinels,
    sentinels: [...address.nodes],
    name: address.primaryName,
    failoverDetector: true,
    sentinelCommandTimeout: lookupTimeoutMs,
    sentinelRetryStrategy: retryDelayMs,
    ...(options.sentinelUser?.username !== undefined && { sentinelUsername: options.sentinelUser.username }),
    ...(options.sentinelUser?.password !== undefined && { sentinelPassword: options.sentinelUser.password }),
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  });
}

/**
 * A cluster connects to a node again by asking the others where its slots are now, and with
 * no node left by its seeds: their addresses may have changed.
 */
function createCluster(options: ClientOptions, scripts: NonNullable<ClusterOptions['scripts']>): Cluster {
  return new Cluster([...options.address.nodes], {
    redisOptions: connectionOptions(options),
    scripts,
    enableOfflineQueue: false,
    maxRedirections,
    slotsRefreshTimeout: lookupTimeoutMs,
    clusterRetryStrategy: retryDelayMs,
    // Names are looked up when a node is connected to, and certificates are checked against them.
    dnsLookup: (host, done) => done(null, host),
  });
}

function connectionOptions({ address, tls, patience = defaultPatience }: ClientOptions): NodeOptions {
  return {
    connectionName: 'legacystream',
    // Otherwise a user with few rights would need one more, which Redis before 7.2 cannot even name.
    disableClientInfo: true,
    commandTimeout: patience.commandMs,
    socketTimeout: patience.socketMs,
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: disconnectTimeoutMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // A primary that has become a replica: the next connection finds the new one.
    reconnectOnError: (error) => error.message.includes('READONLY'),
    ...(address.username !== undefined && { username: address.username }),
    ...(address.password !== undefined && { password: address.password }),
    ...(address.tls && {
      tls: {
        minVersion: 'TLSv1.2',
        ...(tls?.ca !== undefined && { ca: tls.ca }),
        ...(tls?.certificate !== undefined && { cert: tls.certificate }),
        ...(tls?.privateKey !== undefined && { key: tls.privateKey }),
        ...(tls?.serverName !== undefined && { servername: tls.serverName }),
      },
    }),
  };
}

/** Grows from 50 ms to a second, and differs from pod to pod. */
export function retryDelayMs(attempt: number): number {
  const delayMs = Math.min(50 * 2 ** (attempt - 1), retryCapMs);
  return Math.ceil(delayMs * (0.75 + Math.random() / 2));
}
