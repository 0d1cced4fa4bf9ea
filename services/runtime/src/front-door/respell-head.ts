/**
 * Spells a request head the way node:http insists on. Title updates of old encoders have
 * raw 8-bit bytes or spaces in their request line, end their lines with a bare line feed or
 * name a whole URL (protocols §1.1, §1.8, §2.3): the front door reads all of that, node:http
 * none of it. A head that is in order already is handed on as it came.
 */
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';

const orderly = /^[A-Z]+ \/[\x21-\x7e]* HTTP\/1\.[01]\r\n/;
const oddLineEnd = /(?:^|[^\r])\n|\r\r/;

/**
 * The request with its head in order, and everything after the head as it was.
 * @param bytes from the first byte of the request
 * @param headBytes how many of them are the head
 */
export function respellHead(bytes: Uint8Array, headBytes: number, head: RequestHead): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, headBytes).toString('latin1');
  if (orderly.test(text) && !oddLineEnd.test(text)) return bytes;
  const target = head.target.replace(/[^\x21-\x7e]/g, (char) => `%${byteOf(char)}`);
  const protocol = head.protocol === 'HTTP/1.1' ? 'HTTP/1.1' : 'HTTP/1.0';
  const lines = text.split('\n').map((line) => line.replace(/\r+$/, ''));
  const headers = lines.slice(lines.findIndex((line) => line !== '') + 1).filter((line) => line !== '');
  const spelled = [`${head.method} ${target} ${protocol}`, ...headers, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(spelled, 'latin1'), bytes.subarray(headBytes)]);
}

function byteOf(char: string): string {
  return char.charCodeAt(0).toString(16).padStart(2, '0');
}
