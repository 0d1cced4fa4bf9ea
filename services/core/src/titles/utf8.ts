/**
 * UTF-8 as the wire needs it: telling valid text from other charsets, and cutting
 * text to a number of bytes without tearing a character.
 */
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text, byte order mark included, or undefined where the bytes are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Each byte as the character of the same number. */
export function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The longest beginning of the text that takes at most `maxBytes` of UTF-8 and ends between characters. */
export function clipUtf8(text: string, maxBytes: number): Uint8Array {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= maxBytes) return bytes;
  let end = maxBytes;
  // A byte 10xxxxxx continues a character: the cut must fall before a byte that begins one.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
