/**
 * Passwords: hashing them for the configuration, and telling whether one is right.
 *
 * A stored password is the plain text or `scrypt:N=…,r=…,p=…:<salt>:<hash>` (RFC 7914,
 * base64url). Neither the time nor the answer of a comparison depends on where two
 * passwords differ. The costs that a stored hash may ask for are bounded.
 */
import {
  createHash,
  createHmac,
  randomBytes,
  type ScryptOptions,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import { LegacyStreamError } from '@legacystream/core/errors.ts';

/** About 32 MiB and a quarter of a second for one guess. */
const cost = { N: 32_768, r: 8, p: 3 };
const saltBytes = 16;
const hashBytes = 32;
/** A longer password never matches. */
export const maxPasswordBytes = 1024;
const maxMemoryBytes = 256 * 1024 * 1024;

const maxRunning = 2;
const maxWaiting = 64;
const maxRemembered = 256;

export type PasswordHash = { readonly options: ScryptOptions; readonly salt: Buffer; readonly hash: Buffer };

/** The form of the password that may stand in a configuration. */
export async function hashPassword(plain: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  const hash = await deriveKey(plain, {
    options: { ...cost, maxmem: maxMemoryBytes },
    salt,
    length: hashBytes,
  });
  return `scrypt:N=${cost.N},r=${cost.r},p=${cost.p}:${salt.toString('base64url')}:${hash.toString('base64url')}`;
}

/** Reads a stored hash; undefined where it is none, or asks for more than a login may cost. */
export function parsePasswordHash(stored: string): PasswordHash | undefined {
  const form = /^scrypt:N=(\d{1,8}),r=(\d{1,2}),p=(\d{1,2}):([\w-]{6,86}):([\w-]{22,86})$/.exec(stored);
  if (!form) return undefined;
  const [N, r, p] = [Number(form[1]), Number(form[2]), Number(form[3])];
  const memory = 128 * N * r;
  if (N < 2 || (N & (N - 1)) !== 0 || r < 1 || p < 1 || p > 16 || memory >= maxMemoryBytes) return undefined;
  const options = { N, r, p, maxmem: maxMemoryBytes };
  return {
    options,
    salt: Buffer.from(form[4] ?? '', 'base64url'),
    hash: Buffer.from(form[5] ?? '', 'base64url'),
  };
}

/**
 * Verifies passwords, with at most two hashes computed at once and 64 waiting. The
 * latest outcomes are remembered under a keyed digest, so that an encoder or a page that
 * logs in again and again costs one hash; right and wrong ones are kept apart, so that
 * guesses do not push out those who belong here.
 */
export class PasswordVerifier {
  readonly #key = randomBytes(32);
  readonly #remembered = { right: new Set<string>(), wrong: new Set<string>() };
  readonly #pending = new Map<string, Promise<boolean>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #computed = 0;

  /** Hashes computed since the start. */
  get computed(): number {
    return this.#computed;
  }

  /**
   * True if the password is the stored one. Nothing matches an empty or malformed stored password.
   * @throws LegacyStreamError LS_AUTH_RATE_LIMITED when too many verifications wait already
   */
  async verify(plain: string, stored: string): Promise<boolean> {
    if (stored === '' || Buffer.byteLength(plain) > maxPasswordBytes) return false;
    if (!stored.startsWith('scrypt:')) return timingSafeEqual(sha256(plain), sha256(stored));
    const parsed = parsePasswordHash(stored);
    if (parsed === undefined) return false;

    const { right, wrong } = this.#remembered;
    const key = this.#digest(plain, stored);
    if (recall(right, key)) return true;
    if (recall(wrong, key)) return false;
    let outcome = this.#pending.get(key);
    if (outcome === undefined) {
      outcome = this.#compute(plain, parsed).then((matches) => {
        remember(matches ? right : wrong, key);
        return matches;
      });
      this.#pending.set(key, outcome);
      const done = () => this.#pending.delete(key);
      outcome.then(done, done);
    }
    return outcome;
  }

  async #compute(plain: string, { options, salt, hash }: PasswordHash): Promise<boolean> {
    await this.#enter();
    try {
      this.#computed++;
      return timingSafeEqual(await deriveKey(plain, { options, salt, length: hash.length }), hash);
    } finally {
      this.#leave();
    }
  }

  /** Takes one of the running places, or waits for one to be handed on. */
  async #enter(): Promise<void> {
    if (this.#running < maxRunning) {
      this.#running++;
      return;
    }
    if (this.#waiting.length >= maxWaiting) {
      throw new LegacyStreamError('LS_AUTH_RATE_LIMITED', 'too many logins at once');
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running--;
  }

  #digest(plain: string, stored: string): string {
    return createHmac('sha256', this.#key).update(stored).update('\0').update(plain).digest('base64');
  }
}

/** True if the set has the key, which then is its newest. */
function recall(set: Set<string>, key: string): boolean {
  if (!set.delete(key)) return false;
  set.add(key);
  return true;
}

function remember(set: Set<string>, key: string): void {
  set.add(key);
  for (const oldest of set) {
    if (set.size <= maxRemembered) break;
    set.delete(oldest);
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function deriveKey(
  plain: string,
  { options, salt, length }: { options: ScryptOptions; salt: Buffer; length: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(plain, salt, length, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
