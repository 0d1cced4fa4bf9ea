/**
 * Icecast from the system's package as a process of its own, with the mounts that a test
 * wants: the reference to compare with. It refuses to be root, so root starts it as nobody.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../programs.mjs';
import { eventually } from './eventually.ts';
import { sourcePassword } from './server-process.ts';

const nobody = '65534';
const stopTimeoutMs = 5_000;
const shares = ['/usr/share/icecast2', '/usr/share/icecast', '/usr/local/share/icecast'];

export class IcecastServer {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #exited: Promise<void>;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
    const program = findProgram('icecast2') ?? 'icecast2';
    const asNobody = ['--reuid', nobody, '--regid', nobody, '--clear-groups', '--pdeathsig', 'KILL', program];
    const [command, args] = process.getuid?.() === 0 ? ['setpriv', asNobody] : [program, []];
    this.#process = spawn(command, [...args, '-c', join(folder, 'icecast.xml')], { stdio: 'ignore' });
    this.#exited = new Promise((resolve) => {
      this.#process.once('exit', () => resolve());
      this.#process.once('error', () => resolve());
    });
  }

  /** @param mounts `<mount>` elements */
  static async start(mounts: string): Promise<IcecastServer> {
    const folder = await mkdtemp(join(tmpdir(), 'legacystream-icecast-'));
    await chmod(folder, 0o777);
    const port = await freePort();
    await writeFile(join(folder, 'icecast.xml'), configuration(folder, port, mounts));
    const server = new IcecastServer(port, folder);
    try {
      await eventually('Icecast answers', async () => {
        if (server.#process.exitCode !== null)
          throw new Error(
            `Icecast ended: ${await readFile(join(folder, 'error.log'), 'utf8').catch(String)}`,
          );
        return fetch(`http://127.0.0.1:${port}/status-json.xsl`, { signal: AbortSignal.timeout(1_000) })
          .then((answer) => answer.ok)
          .catch(() => false);
      });
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), stopTimeoutMs);
    await this.#exited;
    clearTimeout(timer);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return typeof address === 'object' && address ? address.port : 0;
}

function configuration(folder: string, port: number, mounts: string): string {
  const share = shares.find((path) => existsSync(path)) ?? shares[0]!;
  return `<icecast>
  <limits><clients>2000</clients><sources>20</sources></limits>
  <authentication>
    <source-password>${sourcePassword}</source-password><relay-password>${sourcePassword}</relay-password>
    <admin-user>admin</admin-user><admin-password>${sourcePassword}</admin-password>
  </authentication>
  <hostname>localhost</hostname>
  <listen-socket><port>${port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <fileserve>0</fileserve>
  ${mounts}
  <paths>
    <basedir>${share}</basedir><logdir>${folder}</logdir>
    <webroot>${share}/web</webroot><adminroot>${share}/admin</adminroot>
  </paths>
  <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>3</loglevel></logging>
</icecast>
`;
}
