/**
 * Why a password must not guard a server on the Internet. The words are those that
 * the manuals and samples of streaming servers use, which are the first to be tried.
 */
const minLength = 6;

const knownWords = new Set([
  '123456',
  '1234567',
  '12345678',
  '123456789',
  'admin',
  'administrator',
  'changeme',
  'changemechangeme',
  'default',
  'hackme',
  'icecast',
  'legacystream',
  'letmein',
  'passw0rd',
  'password',
  'qwerty',
  'secret',
  'shoutcast',
  'source',
  'streaming',
]);

/** What is wrong with the password, to read after its name; undefined if nothing is. A hash is never weak. */
export function passwordWeakness(password: string): string | undefined {
  if (isHashedPassword(password)) return undefined;
  const plain = password.trim().toLowerCase();
  if (knownWords.has(plain) || /^your[-_ ]?password/.test(plain))
    return 'is one of the passwords that are tried first';
  if ([...password].length < minLength) return `is shorter than ${minLength} characters`;
  return undefined;
}

/** True for the output of `legacystream hash-password`. */
export function isHashedPassword(stored: string): boolean {
  return stored.startsWith('scrypt:');
}
