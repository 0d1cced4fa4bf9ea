/**
 * Files of listeners' passwords, `user:hash` a line: Icecast's own (the MD5 in hexadecimal digits),
 * Apache's `$apr1$`, and what `legacystream hash-password` prints. Empty lines and lines that
 * begin with `#` are passed over.
 *
 * Neither the answer nor its time tells whether a user exists: a name that is not in the file
 * is compared with a hash that costs as much as the dearest one there.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { apr1Form, apr1Hash } from './apr1.ts';
import { maxPasswordBytes, type PasswordVerifier, parsePasswordHash } from './passwords.ts';

export type ListenerPasswords = {
  /** The stored hash by user. */
  readonly users: ReadonlyMap<string, string>;
  /** Compared with the password of who is not there. */
  readonly decoy: string;
};

export const maxPasswordFileBytes = 16 * 1024 * 1024;
const md5Form = /^[0-9a-f]{32}$/i;
const maxUserChars = 256;

/** @returns the sentence that tells what is wrong, with its line, where the file is none */
export function parseListenerPasswords(text: string): ListenerPasswords | string {
  const users = new Map<string, string>();
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    const line = raw.replace(/\r$/, '');
    if (line.trim() === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    if (colon <= 0 || colon > maxUserChars) return `line ${index + 1} is not user:hash`;
    const user = line.slice(0, colon);
    // What stands behind a second colon is a comment to Apache; ours has colons of its own.
    const rest = line.slice(colon + 1);
    const hash = rest.startsWith('scrypt:') ? rest : rest.split(':', 1)[0]!;
    if (costOf(hash) === undefined)
      return `line ${index + 1} has no hash of a known kind: Icecast’s MD5, $apr1$ (htpasswd -m) or what \`legacystream hash-password\` prints`;
    if (users.has(user)) return `line ${index + 1} has a user once more`;
    users.set(user, hash);
  }
  return { users, decoy: decoyOf(users.values()) };
}

/** @throws LegacyStreamError LS_AUTH_RATE_LIMITED when too many verifications wait already */
export async function matchesListener(
  { users, decoy }: ListenerPasswords,
  given: { readonly user: string; readonly password: string },
  verifier: Pick<PasswordVerifier, 'verify'>,
): Promise<boolean> {
  const stored = users.get(given.user);
  const isRight = await verify(given.password, stored ?? decoy, verifier);
  return isRight && stored !== undefined;
}

async function verify(
  plain: string,
  stored: string,
  verifier: Pick<PasswordVerifier, 'verify'>,
): Promise<boolean> {
  if (Buffer.byteLength(plain) > maxPasswordBytes) return false;
  if (stored.startsWith('scrypt:')) return verifier.verify(plain, stored);
  const salt = apr1Form.exec(stored)?.[1];
  const made = salt === undefined ? createHash('md5').update(plain).digest('hex') : apr1Hash(plain, salt);
  const wanted = salt === undefined ? stored.toLowerCase() : stored;
  return made.length === wanted.length && timingSafeEqual(Buffer.from(made), Buffer.from(wanted));
}

/** A number by which hashes are compared; undefined for what is none. */
function costOf(hash: string): number | undefined {
  if (md5Form.test(hash)) return 0;
  if (apr1Form.test(hash)) return 1;
  const options = parsePasswordHash(hash)?.options;
  return options && options.N! * options.r! * options.p!;
}

function decoyOf(hashes: Iterable<string>): string {
  let dearest = '0'.repeat(32);
  for (const hash of hashes) if (costOf(hash)! > costOf(dearest)!) dearest = hash;
  const random = randomBytes(32);
  if (md5Form.test(dearest)) return random.toString('hex').slice(0, 32);
  if (apr1Form.test(dearest)) return `$apr1$decoy$${random.toString('hex').slice(0, 22)}`;
  const [kind, costs] = dearest.split(':');
  return `${kind}:${costs}:${randomBytes(16).toString('base64url')}:${random.toString('base64url')}`;
}
