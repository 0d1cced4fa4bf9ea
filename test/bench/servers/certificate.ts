/** A certificate for this machine that openssl signs by itself, for the servers of one run. */
import { execFile } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findTool } from '../find-tool.ts';
import { Unavailable } from './bench-server.ts';

export type Certificate = {
  readonly certificatePath: string;
  readonly keyPath: string;
  /** Both in one file, as Icecast wants it. */
  readonly bundlePath: string;
};

const timeoutMs = 20_000;

/** @throws Unavailable without openssl */
export async function createCertificate(folder: string): Promise<Certificate> {
  const openssl = findTool('openssl');
  if (!openssl) throw new Unavailable('openssl is not installed');
  const certificatePath = join(folder, 'certificate.pem');
  const keyPath = join(folder, 'key.pem');
  const bundlePath = join(folder, 'bundle.pem');
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  await promisify(execFile)(
    openssl,
    ['req', ...kind, ...names, '-keyout', keyPath, '-out', certificatePath],
    { timeout: timeoutMs },
  );
  const [certificate, key] = await Promise.all([readFile(certificatePath), readFile(keyPath)]);
  await writeFile(bundlePath, Buffer.concat([certificate, key]));
  // The reference server runs as a user of its own; the key is worth nothing to anybody.
  await Promise.all([certificatePath, keyPath, bundlePath].map((file) => chmod(file, 0o644)));
  return { certificatePath, keyPath, bundlePath };
}
