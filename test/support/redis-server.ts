/**
 * Real Redis for tests: one server, a primary with replicas and Sentinels, or a cluster, each
 * process on free loopback ports in a folder of its own. A test kills, freezes and restarts
 * them by their handles; what is started is registered with the test that ends it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../programs.mjs';
import { eventually } from './eventually.ts';
import { commandOn, type NetworkHost } from './network-host.ts';
import { ProgramProcess } from './program-process.ts';

export type RedisServerOptions = {
  /** Settings as on the command line, without the dashes: `['maxmemory', '10mb']`. */
  readonly settings?: readonly (readonly [name: string, ...values: string[]])[];
  /** Path of another server that takes the settings of Redis. */
  readonly program?: string;
  /** More arguments for `redis-cli` so that it gets in. */
  readonly cliArgs?: readonly string[];
  /** The port speaks TLS. */
  readonly tls?: boolean;
  /** A port that was free a moment ago; by default another one is looked for. */
  readonly port?: number;
  /** Default: this one, on its loopback. */
  readonly host?: NetworkHost;
};

const host = '127.0.0.1';
const startTimeoutMs = 10_000;
const startAttempts = 5;
export const primaryName = 'radio';

export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #options: RedisServerOptions;
  #process: ChildProcess;
  #exited: Promise<void>;
  #output = '';

  private constructor(port: number, folder: string, options: RedisServerOptions) {
    this.port = port;
    this.#folder = folder;
    this.#options = options;
    [this.#process, this.#exited] = this.#spawn();
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    for (let attempt = 1; ; attempt++) {
      const folder = await mkdtemp(join(tmpdir(), 'legacystream-redis-'));
      const server = new RedisServer(options.port ?? (await freePort()), folder, options);
      try {
        await server.#ready();
        return server;
      } catch (error) {
        await server.stop();
        // Somebody else was faster to take the port.
        if (attempt === startAttempts || !server.#output.includes('Address already in use')) throw error;
      }
    }
  }

  get url(): string {
    return `redis://${this.#address}:${this.port}`;
  }

  /** What `redis-cli` prints for a command. */
  async ask(...command: string[]): Promise<string> {
    const at = ['-h', this.#address, '-p', String(this.port), ...(this.#options.cliArgs ?? [])];
    return (await ProgramProcess.run('redis-cli', [...at, ...command])).trimEnd();
  }

  /** Dies as when the machine loses power. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  /** Keeps its connections but does not answer, until `thaw`. */
  freeze(): void {
    this.#process.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process.kill('SIGCONT');
  }

  /** Starts again, empty, on the port that it had. */
  async restart(): Promise<void> {
    await this.kill();
    [this.#process, this.#exited] = this.#spawn();
    await this.#ready();
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #address(): string {
    return this.#options.host?.address ?? host;
  }

  #spawn(): [ChildProcess, Promise<void>] {
    const { program = findProgram('redis-server') ?? 'redis-server', settings = [], tls } = this.#options;
    const port = String(this.port);
    const all: (readonly string[])[] = [
      ['bind', this.#address],
      // Without a password it would talk to its own host alone.
      ...(this.#options.host ? [['protected-mode', 'no'] as const] : []),
      ...(tls ? [['port', '0'] as const, ['tls-port', port] as const] : [['port', port] as const]),
      ['dir', this.#folder],
      ['save', ''],
      ['appendonly', 'no'],
      ['repl-diskless-sync-delay', '0'],
      ...settings,
    ];
    const args = all.flatMap(([name, ...values]) => [`--${name}`, ...values]);
    const child = spawn(...commandOn(this.#options.host, program, args), {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const note = (data: Buffer): void => {
      this.#output = (this.#output + data.toString('latin1')).slice(-64 * 1024);
    };
    child.stdout.on('data', note);
    child.stderr.on('data', note);
    const exited = new Promise<void>((resolve) => {
      child.once('close', () => resolve());
      child.once('error', (error) => {
        this.#output += `${error}\n`;
        resolve();
      });
    });
    return [child, exited];
  }

  async #ready(): Promise<void> {
    await eventually(
      `Redis answers on port ${this.port}`,
      async () => {
        const { exitCode } = this.#process;
        if (exitCode !== null) throw new Error(`Redis exited with ${exitCode}:\n${this.#output}`);
        return /^(?:PONG|NOAUTH|NOPERM)/.test(await this.ask('ping').catch(() => ''));
      },
      startTimeoutMs,
    );
  }
}

/** A primary, two replicas and three Sentinels that take two seconds to believe in a death. */
export class RedisSentinels {
  /** The first is the primary at the start. */
  readonly servers: readonly RedisServer[];
  readonly #ports: readonly number[];
  readonly #sentinels: readonly ProgramProcess[];
  readonly #folder: string;
  readonly #cliArgs: readonly string[];

  private constructor(
    servers: readonly RedisServer[],
    sentinels: {
      ports: readonly number[];
      processes: readonly ProgramProcess[];
      folder: string;
      cliArgs: readonly string[];
    },
  ) {
    this.servers = servers;
    this.#ports = sentinels.ports;
    this.#sentinels = sentinels.processes;
    this.#folder = sentinels.folder;
    this.#cliArgs = sentinels.cliArgs;
  }

  /** @param options for the servers; their settings of TLS and passwords are given to the Sentinels too */
  static async start(options: RedisServerOptions = {}): Promise<RedisSentinels> {
    const { settings = [] } = options;
    const primary = await RedisServer.start(options);
    const replicaof = [['replicaof', host, String(primary.port)] as const];
    const replicas = [];
    for (let i = 0; i < 2; i++) {
      replicas.push(await RedisServer.start({ ...options, settings: [...settings, ...replicaof] }));
    }
    // Sentinels look for replicas only every ten seconds, and should find both with the first look.
    await eventually('both replicas are there', async () =>
      /slave0:.*state=online[\s\S]*slave1:.*state=online/.test(await primary.ask('info', 'replication')),
    );
    const folder = await mkdtemp(join(tmpdir(), 'legacystream-sentinels-'));
    const ports: number[] = [];
    const processes: ProgramProcess[] = [];
    for (let i = 0; i < 3; i++) {
      const port = await freePort();
      const file = join(folder, `${i}.conf`);
      const lines = [
        `bind ${host}`,
        ...(options.tls ? ['port 0', `tls-port ${port}`] : [`port ${port}`]),
        ...settings.filter(([name]) => /^tls-|^requirepass$/.test(name)).map((words) => words.join(' ')),
        `dir ${folder}`,
        `sentinel monitor ${primaryName} ${host} ${primary.port} 2`,
        `sentinel down-after-milliseconds ${primaryName} 2000`,
        `sentinel failover-timeout ${primaryName} 6000`,
        ...settings
          .filter(([name]) => name === 'requirepass')
          .flatMap(([, password]) => [
            `sentinel auth-pass ${primaryName} ${password}`,
            `sentinel sentinel-pass ${password}`,
          ]),
      ];
      await writeFile(file, `${lines.join('\n')}\n`);
      ports.push(port);
      processes.push(new ProgramProcess('redis-sentinel', [file]));
    }
    const all = new RedisSentinels([primary, ...replicas], {
      ports,
      processes,
      folder,
      cliArgs: options.cliArgs ?? [],
    });
    await eventually('the Sentinels know each other and the replicas', () => all.#complete(), 20_000).catch(
      async (error: unknown) => {
        await all.stop();
        throw error;
      },
    );
    return all;
  }

  get url(): string {
    return `redis+sentinel://${this.#ports.map((port) => `${host}:${port}`).join(',')}/${primaryName}`;
  }

  /** The server that the Sentinels call the primary. */
  async primary(): Promise<RedisServer> {
    const answer = await this.#ask(0, 'get-master-addr-by-name', primaryName);
    const port = Number(answer.split('\n')[1]);
    const primary = this.servers.find((server) => server.port === port);
    if (!primary) throw new Error(`the Sentinels name an unknown primary: ${answer}`);
    return primary;
  }

  /** Resolves when another server than `old` is the primary. */
  async failover(old: RedisServer): Promise<RedisServer> {
    return eventually(
      'another server is the primary',
      async () => {
        const primary = await this.primary();
        return primary !== old && primary;
      },
      20_000,
    );
  }

  /** Ends one of the Sentinels. */
  async stopSentinel(index: number): Promise<void> {
    await this.#sentinels[index]?.stop('SIGKILL');
  }

  async stop(): Promise<void> {
    await Promise.all(this.#sentinels.map((sentinel) => sentinel.stop('SIGKILL')));
    await Promise.all(this.servers.map((server) => server.stop()));
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #complete(): Promise<boolean> {
    for (const index of this.#ports.keys()) {
      const master = await this.#ask(index, 'master', primaryName).catch(() => '');
      if (!/\nnum-slaves\n2\nnum-other-sentinels\n2\n/.test(master)) return false;
    }
    return true;
  }

  #ask(index: number, ...command: string[]): Promise<string> {
    const at = ['-h', host, '-p', String(this.#ports[index]), ...this.#cliArgs];
    return ProgramProcess.run('redis-cli', [...at, 'sentinel', ...command]);
  }
}

/** A cluster of three primaries without replicas. */
export class RedisCluster {
  readonly nodes: readonly RedisServer[];

  private constructor(nodes: readonly RedisServer[]) {
    this.nodes = nodes;
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisCluster> {
    const nodes: RedisServer[] = [];
    for (let i = 0; i < 3; i++) {
      const settings = [
        ...(options.settings ?? []),
        ['cluster-enabled', 'yes'],
        ['cluster-port', String(await freePort())],
        ['cluster-node-timeout', '2000'],
        // A node that is lost takes its own slots along, not those of the others.
        ['cluster-require-full-coverage', 'no'],
      ] as const;
      nodes.push(await RedisServer.start({ ...options, settings }));
    }
    const cluster = new RedisCluster(nodes);
    try {
      const addresses = nodes.map((node) => `${host}:${node.port}`);
      const create = ['--cluster', 'create', ...addresses, '--cluster-yes'];
      await ProgramProcess.run('redis-cli', [...(options.cliArgs ?? []), ...create]);
      for (const node of nodes) {
        await eventually('the cluster is formed', async () =>
          /cluster_state:ok[\s\S]*cluster_known_nodes:3/.test(await node.ask('cluster', 'info')),
        );
      }
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get url(): string {
    return `redis+cluster://${this.nodes.map((node) => `${host}:${node.port}`).join(',')}`;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
