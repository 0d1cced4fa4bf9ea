/** How a bus shows itself to NATS: name, user and certificates, from its options and files. */
import { readFileSync } from 'node:fs';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import type { NatsBusOptions } from './nats-bus-options.ts';
import { parseNatsCredentials } from './nats-credentials.ts';

type Known = Pick<NatsBusOptions, 'name' | 'user' | 'password' | 'token' | 'credentialsPath' | 'tls'>;

/**
 * Files are read for every connection, so that renewed ones are taken up.
 * @throws LegacyStreamError LS_CONFIG_UNREADABLE, or LS_CONFIG_INVALID for credentials that no server
 * would take, naming the file, now and from the returned function
 */
export function connectionOptionsOf(options: Known): () => NodeConnectionOptions {
  const build = (): NodeConnectionOptions => {
    const { name, user, password, token, credentialsPath, tls } = options;
    return {
      name,
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { pass: password }),
      ...(token === undefined ? {} : { token }),
      ...(credentialsPath === undefined
        ? {}
        : { authenticator: parseNatsCredentials(read(credentialsPath), credentialsPath) }),
      // Without TLS files nothing is said about TLS: a server that requires it gets it.
      ...(tls === undefined ? {} : { tls: tlsOf(tls) }),
    };
  };
  build();
  return build;
}

function tlsOf({ caPath, certificatePath, privateKeyPath }: NonNullable<Known['tls']>) {
  const text = (path: string | undefined) =>
    path === undefined ? undefined : Buffer.from(read(path)).toString();
  const [ca, cert, key] = [text(caPath), text(certificatePath), text(privateKeyPath)];
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LegacyStreamError('LS_CONFIG_UNREADABLE', `cannot read ${path}: ${reason}`, { cause });
  }
}
