/**
 * The real server as a process of its own, on free ports and in a directory of its own,
 * for tests that go through sockets. Its log is kept and shown when a test fails.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandOn, type NetworkHost } from './network-host.ts';

/** The `legacystream` command, to be run with this Node. */
export const serverCommand = fileURLToPath(
  new URL('../../services/cli/bin/legacystream.mjs', import.meta.url),
);
const firstLine = readFileSync(serverCommand, 'utf8').split('\n', 1)[0]!.split(' ');
/** Flags of Node that the command asks for in its first line, for those who start it by `node`. */
export const serverNodeFlags: readonly string[] = firstLine.filter((word) => word.startsWith('--'));
/** And the environment variables that it sets there. */
export const serverNodeEnv: Readonly<Record<string, string>> = Object.fromEntries(
  firstLine.filter((word) => /^[A-Z_]+=/.test(word)).map((word) => word.split('=') as [string, string]),
);
const startTimeoutMs = 20_000;
const stopTimeoutMs = 10_000;

export const sourcePassword = 'source-Pw-77';
export const adminPassword = 'admin-Pw-77';

export type LogLine = { readonly event: string; readonly [field: string]: unknown };

export type ServerOptions = {
  /** Default: standalone. */
  readonly role?: 'standalone' | 'ingest' | 'edge' | 'control';
  /** Text of the INI file, after the passwords and ports that every test server has. */
  readonly ini?: string;
  /** More `--set section.key=value`. */
  readonly set?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The server makes its own. */
  readonly withoutPasswords?: boolean;
  /** Runs it as another user, as only root may. */
  readonly uid?: number;
  /** Default: this one, on its loopback. */
  readonly host?: NetworkHost;
};

export class ServerProcess {
  readonly process: ChildProcess;
  readonly folder: string;
  /** Address that it listens on. */
  readonly host: string;
  readonly lines: LogLine[] = [];
  httpPort = 0;
  shoutcastPort = 0;
  /** 0 without TLS. */
  httpsPort = 0;
  telemetryPort = 0;
  /** Everything that the process printed. */
  output = '';
  #watchers: ((line: LogLine) => void)[] = [];

  private constructor(process: ChildProcess, folder: string, host: string) {
    this.process = process;
    this.folder = folder;
    this.host = host;
  }

  static async start(options: ServerOptions = {}): Promise<ServerProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'legacystream-test-'));
    const ini = join(folder, 'server.ini');
    const passwords = `[Auth]\nSourcePassword=${sourcePassword}\nAdminPassword=${adminPassword}\n`;
    await writeFile(ini, `${options.withoutPasswords ? '' : passwords}${options.ini ?? ''}\n`);
    if (options.uid !== undefined) await chmod(folder, 0o755);
    const address = options.host?.address ?? '127.0.0.1';
    const settings = [
      'server.httpPort=0',
      'control.port=0',
      'telemetry.port=0',
      `server.bindAddress=${address}`,
      `telemetry.bindAddress=${address}`,
      `server.dataDir=${folder}/data`,
    ];
    const args = [
      ...serverNodeFlags,
      serverCommand,
      options.role ?? 'standalone',
      '--config',
      ini,
      ...(options.args ?? []),
    ];
    for (const setting of [...settings, ...(options.set ?? [])]) args.push('--set', setting);
    const child = spawn(...commandOn(options.host, process.execPath, args), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...serverNodeEnv, ...process.env, ...options.env },
      ...(options.uid !== undefined && { uid: options.uid }),
    });
    // Every wait for a log line also waits for the end of the process.
    child.setMaxListeners(0);
    const server = new ServerProcess(child, folder, address);
    server.#follow();
    const started = await server.waitFor('server.started', startTimeoutMs).catch(async (error: unknown) => {
      await server.stop('SIGKILL');
      throw error;
    });
    server.httpPort = Number(started['httpPort']);
    server.shoutcastPort = Number(started['shoutcastPort']);
    server.httpsPort = Number(started['httpsPort'] ?? 0);
    server.telemetryPort = Number(started['telemetryPort']);
    return server;
  }

  get url(): string {
    return `http://${this.host}:${this.httpPort}`;
  }

  /** The next or an earlier log line of an event that `fits`. */
  waitFor(
    event: string,
    timeoutMs = 10_000,
    fits: (line: LogLine) => boolean = () => true,
  ): Promise<LogLine> {
    const earlier = this.lines.find((line) => line.event === event && fits(line));
    if (earlier) return Promise.resolve(earlier);
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        clearTimeout(timer);
        reject(new Error(`${why} while waiting for ${event}\n${this.output}`));
      };
      const timer = setTimeout(() => fail('timed out'), timeoutMs);
      this.process.once('exit', (code) => fail(`server exited with ${code}`));
      this.#watchers.push((line) => {
        if (line.event !== event || !fits(line)) return;
        clearTimeout(timer);
        resolve(line);
      });
    });
  }

  admin(path: string, init: RequestInit = {}): Promise<Response> {
    const authorization = `Basic ${Buffer.from(`admin:${adminPassword}`).toString('base64')}`;
    return fetch(`${this.url}${path}`, { ...init, headers: { authorization, ...init.headers } });
  }

  /** Ends the server as Kubernetes would. @returns its exit status */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const { process: child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
      await exited;
      clearTimeout(timer);
    }
    await rm(this.folder, { recursive: true, force: true });
    return child.exitCode;
  }

  /** As when its machine dies; it has gone, and is known to have, when this settles. */
  async kill(): Promise<void> {
    const { process: child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await exited;
  }

  #follow(): void {
    let rest = '';
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      rest += text;
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#note(line);
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
  }

  #note(text: string): void {
    if (!text.startsWith('{')) return;
    const line = JSON.parse(text) as LogLine;
    this.lines.push(line);
    for (const watcher of [...this.#watchers]) watcher(line);
  }
}
