/**
 * Apache's `$apr1$` passwords, as `htpasswd -m` and `openssl passwd -apr1` make them: a thousand
 * rounds of MD5 over password and salt in a fixed order. They cost a few milliseconds.
 */
import { createHash } from 'node:crypto';

const magic = '$apr1$';
const rounds = 1000;
const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** The digest is written three bytes at a time in this order, the last one by itself. */
const groups = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
] as const;

export const apr1Form = /^\$apr1\$([./0-9A-Za-z]{1,8})\$([./0-9A-Za-z]{22})$/;

/** @param salt one to eight characters of the alphabet of crypt */
export function apr1Hash(password: string, salt: string): string {
  const key = Buffer.from(password, 'utf8');
  const saltBytes = Buffer.from(salt, 'latin1');
  let digest: Uint8Array = md5(key, saltBytes, key);
  const first: Uint8Array[] = [key, Buffer.from(magic), saltBytes];
  for (let left = key.length; left > 0; left -= 16) first.push(digest.subarray(0, Math.min(16, left)));
  for (let bits = key.length; bits > 0; bits >>= 1)
    first.push(bits & 1 ? Buffer.alloc(1) : key.subarray(0, 1));
  digest = md5(...first);
  for (let round = 0; round < rounds; round += 1) {
    const parts: Uint8Array[] = [round & 1 ? key : digest];
    if (round % 3) parts.push(saltBytes);
    if (round % 7) parts.push(key);
    parts.push(round & 1 ? digest : key);
    digest = md5(...parts);
  }
  let text = '';
  for (const [a, b, c] of groups) text += base64((digest[a]! << 16) | (digest[b]! << 8) | digest[c]!, 4);
  return `${magic}${salt}$${text}${base64(digest[11]!, 2)}`;
}

function base64(value: number, chars: number): string {
  let text = '';
  for (let at = 0; at < chars; at += 1) text += alphabet[(value >> (6 * at)) & 0x3f];
  return text;
}

function md5(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
