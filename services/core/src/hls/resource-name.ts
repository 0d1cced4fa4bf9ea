/**
 * The names of what a playlist lists. They hold the session's number and the sequence number,
 * so that no name ever stands for other bytes and none says which pod made them: every edge
 * knows the same (design §2.3), and caches may keep them for ever.
 *
 *     <epoch>-<msn>.<extension>          a segment
 *     <epoch>-<msn>.<part>.<extension>   a part of one
 *     init-<digest>.mp4                  an initialization section, by its content
 */
export type ResourceName =
  | { readonly kind: 'segment'; readonly epoch: number; readonly msn: number }
  | { readonly kind: 'part'; readonly epoch: number; readonly msn: number; readonly part: number }
  | { readonly kind: 'init' };

const mediaPattern = /^([1-9a-z][0-9a-z]{0,10})-(0|[1-9]\d{0,15})(?:\.(0|[1-9]\d{0,3}))?\.(mp3|aac|m4s)$/;
const initPattern = /^init-[0-9a-f]{16}\.mp4$/;

export function segmentName(epoch: number, msn: number, extension: string): string {
  return `${epoch.toString(36)}-${msn}.${extension}`;
}

export function partName(epoch: number, msn: number, part: number, extension: string): string {
  return `${epoch.toString(36)}-${msn}.${part}.${extension}`;
}

export function initName(init: Uint8Array): string {
  return `init-${digestOf(init).toString(16).padStart(16, '0')}.mp4`;
}

/** Undefined for anything that the functions above never make. */
export function parseResourceName(name: string): ResourceName | undefined {
  if (initPattern.test(name)) return { kind: 'init' };
  const match = mediaPattern.exec(name);
  if (!match) return undefined;
  const epoch = Number.parseInt(match[1]!, 36);
  const msn = Number(match[2]);
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(msn)) return undefined;
  return match[3] === undefined
    ? { kind: 'segment', epoch, msn }
    : { kind: 'part', epoch, msn, part: Number(match[3]) };
}

/** Media types that players expect (protocols: RFC 8216bis, Apple's authoring table). */
export function contentTypeOfResource(name: string): string {
  if (name.endsWith('.mp3')) return 'audio/mpeg';
  return name.endsWith('.aac') ? 'audio/aac' : 'audio/mp4';
}

/** FNV-1a of 64 bits: enough to tell the few formats of one mount apart. */
function digestOf(bytes: Uint8Array): bigint {
  let digest = 0xcbf29ce484222325n;
  for (const byte of bytes) digest = BigInt.asUintN(64, (digest ^ BigInt(byte)) * 0x100000001b3n);
  return digest;
}
