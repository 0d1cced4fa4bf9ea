/**
 * The names of the store's keys in Redis.
 *
 * What one operation touches has one hash tag, the part in braces, and so one slot and one
 * node of a cluster: a lease with its epoch, and all documents of a kind with their index.
 * The blobs of a group share one too, so that a rendition is there whole or not at all.
 * Names come from strangers (mount points, addresses); encoded, they hold no brace, blank or
 * control character, two names never give one key, and a key has a bounded length.
 */
import { createHash } from 'node:crypto';
import { LegacyStreamError } from '@legacystream/core/errors.ts';

const other = /[^\w./-]/gu;
const maxEncodedChars = 400;
const prefixPattern = /^[\w.:/-]{0,64}$/;

export class StoreKeys {
  readonly #prefix: string;

  /** @throws LegacyStreamError LS_CONFIG_INVALID */
  constructor(prefix: string) {
    if (!prefixPattern.test(prefix)) {
      throw new LegacyStreamError(
        'LS_CONFIG_INVALID',
        'the prefix of keys in the store may have at most 64 letters, digits and . _ - : /',
      );
    }
    this.#prefix = prefix;
  }

  /** The lease, and the largest epoch that it ever had. */
  lease(name: string): readonly [lease: string, epoch: string] {
    const tag = `${this.#prefix}{${encodeKeyPart(name)}}`;
    return [`${tag}:lease`, `${tag}:epoch`];
  }

  /** The encoded ids of the documents of a kind, each with the time when it ends. */
  index(kind: string): string {
    return `${this.#prefix}docs:{${encodeKeyPart(kind)}}`;
  }

  /** @param member an id as `encodeKeyPart` gives it */
  document(kind: string, member: string): string {
    return `${this.#prefix}doc:{${encodeKeyPart(kind)}}:${member}`;
  }

  blob(group: string, name: string): string {
    return `${this.#prefix}blob:{${encodeKeyPart(group)}}:${encodeKeyPart(name)}`;
  }
}

/** Injective: `%` begins either two hex digits a byte, or a letter that is none. */
export function encodeKeyPart(text: string): string {
  if (text === '') return '%z';
  const encoded = text.replace(other, (char) => {
    const point = char.codePointAt(0)!;
    // Half a surrogate pair has no UTF-8; every such half would become the same character.
    if (point >= 0xd800 && point <= 0xdfff) return `%u${point.toString(16)}`;
    return Buffer.from(char).toString('hex').replace(/../g, '%$&');
  });
  if (encoded.length <= maxEncodedChars) return encoded;
  return `%h${createHash('sha256').update(encoded).digest('hex')}`;
}
