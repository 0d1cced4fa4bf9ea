/** A file with a NATS user's JWT and seed, as `nsc` writes it: judged before a server is asked. */
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { type Authenticator, credsAuthenticator } from '@nats-io/transport-node';

/**
 * @param path for messages; what is in the file is never repeated
 * @throws LegacyStreamError LS_CONFIG_INVALID for what no server would ever let in
 */
export function parseNatsCredentials(bytes: Uint8Array, path: string): Authenticator {
  const authenticator = credsAuthenticator(bytes);
  const { jwt, key } = userOf(authenticator) ?? {};
  if (jwt === undefined || key === undefined)
    throw invalid(path, 'holds no NATS credentials: it must have a JWT and the seed of its user');
  if (subjectOf(jwt) !== key) throw invalid(path, 'has a seed that is not of the user whom its JWT names');
  return authenticator;
}

function userOf(authenticator: Authenticator): { jwt: string; key: string } | undefined {
  try {
    const { jwt, nkey } = authenticator() as { readonly jwt: string; readonly nkey: string };
    return { jwt, key: nkey };
  } catch {
    return undefined;
  }
}

/** The public key of the user; undefined for what is no JWT. */
function subjectOf(jwt: string): unknown {
  try {
    const payload = Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString();
    return (JSON.parse(payload) as { readonly sub?: unknown }).sub;
  } catch {
    return undefined;
  }
}

function invalid(path: string, what: string): LegacyStreamError {
  return new LegacyStreamError('LS_CONFIG_INVALID', `${path} ${what}`);
}
