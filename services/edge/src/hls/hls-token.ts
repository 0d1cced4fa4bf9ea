/**
 * The words by which HLS listeners are told apart where there are no cookies: 12 random
 * bytes and the first 8 of an HMAC-SHA256 over them and the mount path, in base64url.
 *
 * A token names no pod and no time, so that every edge takes it, for ever: a playlist that
 * was bookmarked plays on. It is no credential. Everybody who asks is given one, and the tag
 * only keeps strangers from filling the counts of a mount with words of their own.
 *
 * A mount with `ListenerAuth` gives longer ones, which are credentials: between the random bytes
 * and 16 bytes of an HMAC stand the seconds since 1970 until which their holder may listen.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Json, StateStore } from '@legacystream/core/ports/state-store.ts';

const randomLength = 12;
const tagLength = 8;
const maxTokenChars = 64;
const untilLength = 6;
const proofLength = 16;
/** The random bytes of a token, which are whole characters of base64url. */
const seedChars = 16;
/** What 20 bytes are in base64url. */
const tokenChars = 27;
/** Keeps the two kinds from passing for one another. */
const proofLabel = 'authorized';

export class HlsTokens {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  make(mountPath: string): string {
    const random = randomBytes(randomLength);
    return Buffer.concat([random, this.#tag(random, mountPath)]).toString('base64url');
  }

  /** True for what was made for that very mount with the same key, of either kind and of any age. */
  check(mountPath: string, token: string): boolean {
    const bytes = decodeExactly(token);
    if (bytes?.length !== randomLength + tagLength)
      return this.authorizedUntil(mountPath, token) !== undefined;
    return timingSafeEqual(
      bytes.subarray(randomLength),
      this.#tag(bytes.subarray(0, randomLength), mountPath),
    );
  }

  /** The random beginning of a token. */
  makeSeed(): string {
    return randomBytes(randomLength).toString('base64url');
  }

  /** @param untilS seconds since 1970 */
  authorize(mountPath: string, seed: string, untilS: number): string {
    const head = Buffer.alloc(randomLength + untilLength);
    head.write(seed, 'base64url');
    head.writeUIntBE(untilS, randomLength, untilLength);
    return Buffer.concat([head, this.#proof(head, mountPath)]).toString('base64url');
  }

  /** Until when its holder may listen to that mount, be it over; undefined for what does not say so. */
  authorizedUntil(mountPath: string, token: string): number | undefined {
    const bytes = decodeExactly(token);
    const headLength = randomLength + untilLength;
    if (bytes?.length !== headLength + proofLength) return undefined;
    const head = bytes.subarray(0, headLength);
    if (!timingSafeEqual(bytes.subarray(headLength), this.#proof(head, mountPath))) return undefined;
    return head.readUIntBE(randomLength, untilLength);
  }

  #proof(head: Uint8Array, mountPath: string): Buffer {
    const mac = createHmac('sha256', this.#key).update(proofLabel).update(head).update(mountPath);
    return mac.digest().subarray(0, proofLength);
  }

  #tag(random: Uint8Array, mountPath: string): Buffer {
    const digest = createHmac('sha256', this.#key).update(random).update(mountPath).digest();
    return digest.subarray(0, tagLength);
  }
}

/**
 * What a listener is known by: its whole token, and of a longer one the beginning, which is
 * there before the rest is.
 */
export function identityOf(token: string): string {
  return token.length > tokenChars ? token.slice(0, seedChars) : token;
}

/** Bits that a decoder throws away would let one token be spelt in several ways. */
function decodeExactly(token: string): Buffer | undefined {
  if (token.length > maxTokenChars) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  return bytes.toString('base64url') === token ? bytes : undefined;
}

export type TokenKeyDeps = {
  /** As set; empty where the key is made up and kept in the store. */
  readonly setting: string;
  readonly store: Pick<StateStore, 'getDocument' | 'putDocument' | 'acquireLease' | 'releaseLease'>;
  readonly podId: string;
  /** A key that is in use here, in case the store has forgotten it. */
  readonly current?: Uint8Array | undefined;
};

const documentId = 'hls-token-key';
/** The dot keeps it apart from the leases of mounts, whose names have none. */
const leaseName = 'setting.hls-token-key';
const leaseTtlMs = 10_000;
const keyLength = 32;

/**
 * The key of the whole fleet: the setting, else the one in the store, which whoever holds
 * the lease first has put there. Undefined while the store is away, and while another makes
 * the key at this very moment.
 */
export async function loadTokenKey(deps: TokenKeyDeps): Promise<Uint8Array | undefined> {
  if (deps.setting !== '') return Buffer.from(deps.setting);
  const { store, podId, current } = deps;
  const stored = async () => parseKey(await store.getDocument('setting', documentId));
  try {
    const known = await stored();
    if (known) return known;
    const grant = await store.acquireLease(leaseName, podId, leaseTtlMs);
    if (!grant.granted) return undefined;
    try {
      // Whoever held the lease before may have made one in between.
      const madeMeanwhile = await stored();
      if (madeMeanwhile) return madeMeanwhile;
      const key = Buffer.from(current ?? randomBytes(keyLength)).toString('base64url');
      // The epoch keeps one that lost the lease without noticing from replacing the key of the next.
      await store.putDocument('setting', documentId, { key }, { epoch: grant.epoch });
      return await stored();
    } finally {
      await store.releaseLease(leaseName, podId, grant.epoch).catch(() => false);
    }
  } catch {
    return undefined;
  }
}

function parseKey(document: Json | undefined): Uint8Array | undefined {
  if (typeof document !== 'object' || document === null) return undefined;
  const { key } = document as { readonly key?: unknown };
  if (typeof key !== 'string') return undefined;
  const bytes = Buffer.from(key, 'base64url');
  return bytes.length === keyLength ? bytes : undefined;
}
