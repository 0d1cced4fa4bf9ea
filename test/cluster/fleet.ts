/**
 * A whole cluster of real processes on this machine: NATS, Redis, and servers of every
 * role. Made for tests that kill parts of it, and for `npm run cluster`.
 */
import { readFileSync } from 'node:fs';
import { NatsServer, type NatsVersion } from '../support/nats-server.ts';
import type { NetworkHost } from '../support/network-host.ts';
import { RedisSentinels, RedisServer } from '../support/redis-server.ts';
import { type ServerOptions, ServerProcess } from '../support/server-process.ts';
import { TcpLink } from '../support/tcp-link.ts';

const accounts = readFileSync(new URL('../../deploy/nats/accounts.conf', import.meta.url), 'utf8');
const natsPasswords: Readonly<Record<string, string>> = Object.fromEntries(
  ['INGEST', 'EDGE', 'CONTROL', 'SYS'].map((role) => [`LS_NATS_${role}_PASSWORD`, `secretOf${role}`]),
);

export type FleetOptions = {
  /** Servers of NATS: one, or a cluster of three. */
  readonly nats?: 1 | 3;
  /** Default: Debian's. */
  readonly natsVersion?: NatsVersion;
  /** One Redis, or a primary with replicas and Sentinels. */
  readonly redis?: 'single' | 'sentinel';
  readonly ingests?: number;
  readonly edges?: number;
  readonly control?: boolean;
  /** Appended to the INI file of every server. */
  readonly ini?: string;
  readonly set?: readonly string[];
  /** Settings of one server, by its pod id. */
  readonly setFor?: Readonly<Record<string, readonly string[]>>;
  /** NATS as deploy/nats has it: a user for each role, with no more rights than it needs. */
  readonly secured?: boolean;
  /** Servers, by pod id, that reach bus and store over lines that can be cut: one NATS, one Redis. */
  readonly linked?: readonly string[];
  /** Where servers run, by pod id, and one NATS and one Redis as `backend`; default: on the loopback. */
  readonly hosts?: ReadonlyMap<string, NetworkHost>;
  readonly say?: (line: string) => void;
};

export class Fleet {
  readonly nats: NatsServer[] = [];
  redis: RedisServer | RedisSentinels | undefined;
  readonly ingests: ServerProcess[] = [];
  readonly edges: ServerProcess[] = [];
  control: ServerProcess | undefined;
  /** By pod id. */
  readonly links = new Map<string, { readonly bus: TcpLink; readonly store: TcpLink }>();
  readonly #options: FleetOptions;
  #stopping: Promise<void> | undefined;

  private constructor(options: FleetOptions) {
    this.#options = options;
  }

  static async start(options: FleetOptions = {}): Promise<Fleet> {
    const fleet = new Fleet(options);
    try {
      await fleet.#start();
      return fleet;
    } catch (error) {
      await fleet.stop();
      throw error;
    }
  }

  /** The servers of all roles. */
  get servers(): ServerProcess[] {
    return [...this.ingests, ...this.edges, ...(this.control ? [this.control] : [])];
  }

  startIngest(): Promise<ServerProcess> {
    const podId = `ingest-${this.ingests.length + 1}`;
    // Edges stand before it and tell who the encoder is.
    const set = ['server.trustedProxies=127.0.0.0/8', 'server.proxyProtocol=optional'];
    return this.#startServer('ingest', podId, set, this.ingests);
  }

  startEdge(): Promise<ServerProcess> {
    const urls = this.ingests.map(({ url }) => url).join(',');
    const set = [`ingest.url=${urls}`, ...(this.control ? [`control.url=${this.control.url}`] : [])];
    return this.#startServer('edge', `edge-${this.edges.length + 1}`, set, this.edges);
  }

  /** Ends everything, the servers first; idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #start(): Promise<void> {
    const { nats = 1, redis = 'single', ingests = 1, edges = 2, control = true, say } = this.#options;
    const { natsVersion: version } = this.#options;
    const backend = this.#options.hosts?.get('backend');
    const natsOptions = {
      ...(backend && { host: backend }),
      ...(version && { version }),
      ...(this.#options.secured && { config: accounts, env: natsPasswords }),
    };
    const [natsServers, store] = await Promise.all([
      nats === 3
        ? NatsServer.startCluster(natsOptions)
        : NatsServer.start(natsOptions).then((server) => [server]),
      redis === 'sentinel'
        ? RedisSentinels.start()
        : RedisServer.start({ ...(backend && { host: backend }) }),
    ]);
    this.nats.push(...natsServers);
    this.redis = store;
    say?.(`NATS ${natsServers.map(({ address }) => address).join(', ')}; store ${store.url}`);
    if (control) {
      const servers: ServerProcess[] = [];
      this.control = await this.#startServer('control', 'control', [], servers);
    }
    for (let i = 0; i < ingests; i += 1) await this.startIngest();
    for (let i = 0; i < edges; i += 1) await this.startEdge();
  }

  async #startServer(
    role: NonNullable<ServerOptions['role']>,
    podId: string,
    set: readonly string[],
    into: ServerProcess[],
  ): Promise<ServerProcess> {
    const { ini, say, secured = false } = this.#options;
    const links = this.#options.linked?.includes(podId) ? await this.#link(podId) : undefined;
    const nats = links ? links.bus.address : this.nats.map(({ address }) => address).join(',');
    const store = links ? `redis://${links.store.address}` : this.redis!.url;
    const user = secured ? `${role}:${natsPasswords[`LS_NATS_${role.toUpperCase()}_PASSWORD`]}@` : '';
    const host = this.#options.hosts?.get(podId);
    const server = await ServerProcess.start({
      role,
      ...(host && { host }),
      ...(ini !== undefined && { ini }),
      set: [
        `bus.url=nats://${user}${nats}`,
        ...(secured ? ['cluster.name=main'] : []),
        `store.url=${store}`,
        'bus.historyBytes=67108864',
        `cluster.podId=${podId}`,
        // A test's edge goes at once.
        'edge.drainDelay=0',
        'edge.drainTime=0',
        ...set,
        ...(this.#options.set ?? []),
        ...(this.#options.setFor?.[podId] ?? []),
      ],
    });
    into.push(server);
    say?.(`${podId} on ${server.url}`);
    return server;
  }

  async #link(podId: string): Promise<{ readonly bus: TcpLink; readonly store: TcpLink }> {
    const { host } = new URL(this.redis!.url);
    const links = { bus: await TcpLink.to(this.nats[0]!.address), store: await TcpLink.to(host) };
    this.links.set(podId, links);
    return links;
  }

  async #stop(): Promise<void> {
    for (const { bus, store } of this.links.values()) {
      bus.heal();
      store.heal();
    }
    // One that was frozen could not end.
    for (const { process: child } of this.servers) child.kill('SIGCONT');
    await Promise.all(this.servers.map((server) => server.stop()));
    for (const { bus, store } of this.links.values()) {
      bus.close();
      store.close();
    }
    await Promise.all([...this.nats.map((server) => server.stop()), this.redis?.stop()]);
  }
}
