/**
 * A network of hosts on this machine, each a network namespace of Linux with an address and
 * a TCP of its own, on one switch (a bridge in a namespace of its own). The switch drops
 * frames by chance or all of them, a host's cable can be pulled, and a longer one be put in its
 * place. The test itself is on the network as `test`.
 *
 * All names on the machine begin with `ls-<process id>`. What a run left that was killed,
 * processes included, is removed by the next one.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findProgram, missingProgram } from '../programs.mjs';
import { commandOn, type NetworkHost } from './network-host.ts';

/** What the switch does to frames of a host, both ways. */
export type NetworkFault = {
  readonly host: string;
  /** Only between the two; default: between the host and everybody. */
  readonly peer?: string;
  /** Of 100 frames; 100 is a cut that nobody is told of. */
  readonly lossPercent: number;
};

const own = `ls-${process.pid}`;
const switchNamespace = `${own}-switch`;
const delayWire = fileURLToPath(new URL('delay-wire.py', import.meta.url));
const commandTimeoutMs = 10_000;
const run = promisify(execFile);

async function ip(...args: string[]): Promise<string> {
  return (await run('ip', args, { timeout: commandTimeoutMs })).stdout;
}

/** @param rules in the language of nft, applied all or none */
async function filter(namespace: string, rules: string): Promise<void> {
  const nft = run('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], { timeout: commandTimeoutMs });
  nft.child.stdin?.on('error', () => {}).end(rules);
  await nft;
}

/** Why there can be no such network here, or false. */
export async function whyNoNetwork(): Promise<string | false> {
  const missing = missingProgram('ip', 'nft');
  if (missing) return missing;
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'network namespaces need root on Linux';
  const probe = `${own}-probe`;
  try {
    await ip('netns', 'add', probe);
    await ip('-n', probe, 'link', 'add', 'name', 'lan', 'type', 'bridge');
    await filter(probe, rulesOf([{ host: 'a', lossPercent: 5 }]));
    return false;
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    return `network namespaces are not permitted here: ${(stderr || String(error)).trim().split('\n')[0]}`;
  } finally {
    await ip('netns', 'del', probe).catch(() => {});
  }
}

export class NamespaceNetwork {
  readonly hosts = new Map<string, NetworkHost>();
  /** In CIDR notation. */
  readonly subnet: string;
  readonly #prefix: string;
  #faults: readonly NetworkFault[] = [];
  readonly #wires = new Map<string, ChildProcess>();

  private constructor(prefix: string) {
    this.#prefix = prefix;
    this.subnet = `${prefix}.0/24`;
  }

  /** @param names of its hosts, at most 13 characters each */
  static async create(names: readonly string[]): Promise<NamespaceNetwork> {
    await removeLeftovers();
    const network = new NamespaceNetwork(freePrefix());
    try {
      await network.#create(names);
      return network;
    } catch (error) {
      await network.remove();
      throw error;
    }
  }

  /** In the place of those that were before. */
  async setFaults(...faults: NetworkFault[]): Promise<void> {
    this.#faults = faults;
    await filter(switchNamespace, rulesOf(faults));
  }

  /** Frames that the faults of now have dropped. */
  async dropped(): Promise<number> {
    if (this.#faults.length === 0) return 0;
    const list = ['netns', 'exec', switchNamespace, 'nft', 'list', 'table', 'bridge', 'faults'];
    return [...(await ip(...list)).matchAll(/counter packets (\d+)/g)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    );
  }

  /** Pulls a host's cable out of the switch, of which the host is told; TCP is not. */
  async unplug(host: string): Promise<void> {
    await ip('-n', switchNamespace, 'link', 'set', host, 'down');
  }

  async plugIn(host: string): Promise<void> {
    await ip('-n', switchNamespace, 'link', 'set', host, 'up');
  }

  /** Puts a longer cable between a host and the switch: every frame takes `delayMs` more, each way. */
  async lengthen(host: string, delayMs: number): Promise<void> {
    const side = `${host}-s`;
    const ends = [`${host}-a`, `${host}-b`] as const;
    const python = findProgram('python3') ?? 'python3';
    const wire = spawn(...commandOn(this.#switch, python, [delayWire, String(delayMs), ...ends]), {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#wires.set(host, wire);
    await Promise.race([
      once(wire.stdout, 'data'),
      once(wire, 'exit').then(([code]) => assert.fail(`the delaying wire exited with ${code}`)),
    ]);
    const set = (...args: string[]) => ip('-n', switchNamespace, 'link', 'set', ...args);
    await ip('-n', switchNamespace, 'link', 'add', 'name', side, 'type', 'bridge');
    await set(side, 'up');
    await set(ends[0], 'master', side, 'up');
    await set(ends[1], 'master', 'lan', 'up');
    await set(host, 'master', side);
  }

  async shorten(host: string): Promise<void> {
    await ip('-n', switchNamespace, 'link', 'set', host, 'master', 'lan');
    await this.#endWire(host);
    await ip('-n', switchNamespace, 'link', 'del', `${host}-s`);
  }

  /** Once nothing runs on its hosts any more; idempotent. */
  async remove(): Promise<void> {
    for (const host of this.#wires.keys()) await this.#endWire(host);
    await ip('link', 'del', own).catch(() => {});
    await removeNamespaces((pid) => pid === process.pid);
  }

  get #switch(): NetworkHost {
    return { name: 'switch', address: '', namespace: switchNamespace };
  }

  async #create(names: readonly string[]): Promise<void> {
    await ip('netns', 'add', switchNamespace);
    await ip('-n', switchNamespace, 'link', 'add', 'name', 'lan', 'type', 'bridge');
    await ip('-n', switchNamespace, 'link', 'set', 'lan', 'up');
    await this.#plug('test', ['name', own]);
    await ip('address', 'add', `${this.#prefix}.1/24`, 'dev', own);
    await ip('link', 'set', own, 'up');
    for (const [i, name] of names.entries()) {
      const host = { name, address: `${this.#prefix}.${i + 2}`, namespace: `${own}-${name}` };
      const within = (...args: string[]) => ip('-n', host.namespace, ...args);
      await ip('netns', 'add', host.namespace);
      await this.#plug(name, ['name', 'eth0', 'netns', host.namespace]);
      await within('address', 'add', `${host.address}/24`, 'dev', 'eth0');
      await within('link', 'set', 'eth0', 'up');
      await within('link', 'set', 'lo', 'up');
      this.hosts.set(name, host);
    }
  }

  async #plug(port: string, far: readonly string[]): Promise<void> {
    // Made here and sent there: the other way round, a far end in the first namespace has no name for it.
    await ip('link', 'add', 'name', port, 'netns', switchNamespace, 'type', 'veth', 'peer', ...far);
    await ip('-n', switchNamespace, 'link', 'set', port, 'master', 'lan', 'up');
  }

  /** Its devices go with it. */
  async #endWire(host: string): Promise<void> {
    const wire = this.#wires.get(host);
    this.#wires.delete(host);
    if (!wire || wire.exitCode !== null || wire.signalCode !== null) return;
    const exited = once(wire, 'exit');
    wire.kill('SIGKILL');
    await exited;
  }
}

function rulesOf(faults: readonly NetworkFault[]): string {
  const drops = faults.flatMap(({ host, peer, lossPercent }) => {
    const [there, back] = peer === undefined ? ['', ''] : [`oifname "${peer}" `, `iifname "${peer}" `];
    const chance = lossPercent < 100 ? `numgen random mod 100 < ${lossPercent} ` : '';
    const drop = `${chance}counter drop`;
    return [`iifname "${host}" ${there}${drop}`, `oifname "${host}" ${back}${drop}`];
  });
  return [
    // It need not be there to be deleted that way.
    'add table bridge faults',
    'delete table bridge faults',
    'table bridge faults {',
    'chain forward {',
    'type filter hook forward priority 0;',
    ...drops,
    '}',
    '}',
    '',
  ].join('\n');
}

/** A /24 of those that RFC 2544 sets aside for trying out networks, in which this machine has no address. */
function freePrefix(): string {
  const taken = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map(({ address }) => address),
  );
  for (let i = 0; i < 256; i += 1) {
    const prefix = `198.19.${(process.pid + i) % 256}`;
    if (!taken.some((address) => address.startsWith(`${prefix}.`))) return prefix;
  }
  throw new Error('no free address range');
}

function removeLeftovers(): Promise<void> {
  return removeNamespaces((pid) => {
    try {
      process.kill(pid, 0);
      return false;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ESRCH';
    }
  });
}

/** Ends what still runs in them: nothing else was ever started there. */
async function removeNamespaces(isOurs: (pid: number) => boolean): Promise<void> {
  for (const line of (await ip('netns', 'list')).split('\n')) {
    const [, name, pid] = /^(ls-(\d+)-\S+)/.exec(line) ?? [];
    if (!name || !isOurs(Number(pid))) continue;
    for (const left of (await ip('netns', 'pids', name)).split('\n').filter(Boolean)) {
      try {
        process.kill(Number(left), 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    }
    await ip('netns', 'del', name);
  }
}
