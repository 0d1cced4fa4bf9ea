/**
 * A real nats-server, or a cluster of them, on free ports of the loopback: with JetStream in
 * a temporary folder, to be killed, frozen, sent away and started again by tests. Debian's
 * version is the oldest that is supported; a current one is built once, where Go is there,
 * into a cache outside of the checkout.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { findProgram, missingProgram } from '../programs.mjs';
import { eventually } from './eventually.ts';
import { commandOn, type NetworkHost } from './network-host.ts';

export type NatsVersion = {
  readonly label: string;
  readonly program: string;
  /** A reason to skip, or false. */
  readonly missing: string | false;
};

export type NatsServerOptions = {
  readonly version?: NatsVersion;
  /** More lines of configuration. */
  readonly config?: string;
  /** Variables that the configuration names. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: true. */
  readonly jetStream?: boolean;
  /** Members of a cluster; absent: a single server. */
  readonly cluster?: { readonly name: string; readonly port: number; readonly routes: readonly number[] };
  readonly name?: string;
  /** Default: this one, on its loopback. */
  readonly host?: NetworkHost;
};

const currentVersion = '2.15.2';
const buildTimeoutMs = 5 * 60_000;
const startTimeoutMs = 15_000;
const stopTimeoutMs = 5_000;

/** Ended with this process, whatever became of the test. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export const debianNats: NatsVersion = {
  label: 'NATS of Debian',
  program: findProgram('nats-server') ?? 'nats-server',
  missing: missingProgram('nats-server'),
};

/** Builds the current version unless the cache has it. */
export async function currentNats(): Promise<NatsVersion> {
  const label = `NATS ${currentVersion}`;
  const folder = path.join(os.homedir(), '.cache', 'legacystream-test', `nats-server-${currentVersion}`);
  const program = path.join(folder, 'nats-server');
  if (existsSync(program)) return { label, program, missing: false };
  const build = `${folder}.${process.pid}`;
  try {
    await mkdir(build, { recursive: true });
    await promisify(execFile)('go', ['install', `github.com/nats-io/nats-server/v2@v${currentVersion}`], {
      env: { ...process.env, GOBIN: build, GOFLAGS: '-mod=mod' },
      timeout: buildTimeoutMs,
      cwd: build,
    });
    // Another process may have been faster.
    await rename(build, folder).catch(() => {});
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 'ENOENT')
      return { label, program, missing: `${label} is built with Go, which is not installed` };
    return { label, program, missing: `${label} could not be built: ${String(error).slice(0, 200)}` };
  } finally {
    await rm(build, { recursive: true, force: true });
  }
  return { label, program, missing: existsSync(program) ? false : `${label} could not be built` };
}

export class NatsServer {
  readonly port: number;
  readonly monitorPort: number;
  output = '';
  readonly #program: string;
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #host: NetworkHost | undefined;
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();

  private constructor(
    program: string,
    folder: string,
    env: Readonly<Record<string, string>>,
    ports: readonly [number, number],
    host: NetworkHost | undefined,
  ) {
    this.#program = program;
    this.#folder = folder;
    this.#env = env;
    this.#host = host;
    [this.port, this.monitorPort] = ports;
  }

  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    const server = await NatsServer.prepare(options);
    await NatsServer.#startAll([server]);
    return server;
  }

  /** Everything but the process; {@link restart} starts it. */
  static async prepare(options: NatsServerOptions = {}): Promise<NatsServer> {
    const { version = debianNats, config = '', jetStream = true, cluster, name = 'n1' } = options;
    const folder = await mkdtemp(path.join(os.tmpdir(), 'legacystream-nats-'));
    const [port, monitorPort] = await freePorts(2);
    const address = options.host?.address ?? '127.0.0.1';
    const lines = [
      `server_name: ${name}`,
      `listen: "${address}:${port}"`,
      `http: "${address}:${monitorPort}"`,
      'lame_duck_grace_period: "1s"',
      'lame_duck_duration: "30s"',
      ...(jetStream ? [`jetstream { store_dir: "${folder}/js", max_mem: 512M, max_file: 64M }`] : []),
      ...(cluster
        ? [
            `cluster { name: ${cluster.name}, listen: "127.0.0.1:${cluster.port}", routes: [`,
            ...cluster.routes.map((route) => `  "nats://127.0.0.1:${route}"`),
            '] }',
          ]
        : []),
      config,
    ];
    await writeFile(path.join(folder, 'nats.conf'), lines.join('\n'));
    return new NatsServer(version.program, folder, options.env ?? {}, [port!, monitorPort!], options.host);
  }

  /** Three servers that know each other. */
  static async startCluster(options: NatsServerOptions = {}): Promise<NatsServer[]> {
    const routes = await freePorts(3);
    const servers = await Promise.all(
      routes.map((port, i) =>
        NatsServer.prepare({ ...options, name: `n${i + 1}`, cluster: { name: 'test', port, routes } }),
      ),
    );
    await NatsServer.#startAll(servers);
    return servers;
  }

  /** Leaves nothing behind when one does not start. */
  static async #startAll(servers: readonly NatsServer[]): Promise<void> {
    try {
      await Promise.all(servers.map((server) => server.restart()));
    } catch (error) {
      await Promise.all(servers.map((server) => server.stop()));
      throw error;
    }
  }

  get address(): string {
    return `${this.#address}:${this.port}`;
  }

  get #address(): string {
    return this.#host?.address ?? '127.0.0.1';
  }

  get isRunning(): boolean {
    const child = this.#process;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Starts the process and waits until it takes clients. */
  async restart(): Promise<void> {
    if (this.isRunning) throw new Error('nats-server is running already');
    const config = path.join(this.#folder, 'nats.conf');
    const child = spawn(...commandOn(this.#host, this.#program, ['-c', config]), {
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    const keep = (data: Buffer): void => {
      this.output = (this.output + data.toString('latin1')).slice(-64 * 1024);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    this.#exited = new Promise((resolve) => {
      child.once('close', () => resolve());
      child.once('error', (error) => {
        this.output += `${error}\n`;
        resolve();
      });
    });
    running.add(child);
    child.once('close', () => running.delete(child));
    await eventually(
      'nats-server takes clients',
      async () => {
        if (!this.isRunning) throw new Error(`nats-server ended:\n${this.output}`);
        return fetch(`http://${this.#address}:${this.monitorPort}/varz`).then(
          (response) => response.ok,
          () => false,
        );
      },
      startTimeoutMs,
    );
  }

  /** What the server's monitoring says. */
  async monitor(page: string): Promise<Record<string, unknown>> {
    const response = await fetch(`http://${this.#address}:${this.monitorPort}/${page}`);
    return (await response.json()) as Record<string, unknown>;
  }

  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#exited;
  }

  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Tells its clients that it will go, and goes. */
  lameDuck(): void {
    this.#process?.kill('SIGUSR2');
  }

  /** Ends it kindly; it can be started again. */
  async end(): Promise<void> {
    if (!this.isRunning) return;
    this.thaw();
    this.#process?.kill('SIGTERM');
    const timer = setTimeout(() => this.#process?.kill('SIGKILL'), stopTimeoutMs);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    this.thaw();
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(
    servers.map((server) => new Promise<void>((resolve) => server.once('listening', () => resolve()))),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
