/**
 * Compares the start of something with the fixed bytes that its kind begins with,
 * when perhaps not all of it has come yet.
 */

/** So far the bytes agree, but too few are there. */
export const magicUndecided = -1;

/** 1 = `magic` stands at `at`, 0 = it does not, {@link magicUndecided} = it may, with more bytes than up to `end`. */
export function matchMagic(magic: Uint8Array, bytes: Uint8Array, at: number, end: number): 1 | 0 | -1 {
  const known = Math.min(magic.length, end - at);
  for (let i = 0; i < known; i++) if (bytes[at + i] !== magic[i]) return 0;
  return known === magic.length ? 1 : magicUndecided;
}
