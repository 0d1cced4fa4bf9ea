/** What a listener of HLS is known by, and the shorter names that are made of it. */
import { hash as digest } from 'node:crypto';
import { identityOf } from './hls-token.ts';

const maxUserAgentChars = 512;
/** Above the ids of all listeners on sockets. */
const firstId = 2 ** 52;

export function keyOfToken(mountPath: string, token: string): string {
  return `${mountPath}\n${identityOf(token)}`;
}

export function keyOfAddress(mountPath: string, ip: string, userAgent: string): string {
  return `${mountPath}\n${ip}\n${userAgent.slice(0, maxUserAgentChars)}`;
}

/** What edges tell each other of a session by: eight characters of one byte each. */
export function hashOf(key: string): string {
  return digest('sha256', key, 'binary').slice(0, 8);
}

/** What operators see: the same number on every edge. */
export function idOf(hash: string): number {
  return firstId + Number(Buffer.from(hash, 'latin1').readBigUInt64BE() >> 12n);
}

/** A key in memory of its own: what comes out of a request would hold the whole head. */
export function ownCopyOf(key: string): string {
  return Buffer.from(key).toString();
}

/** The target of a request without the parameter that holds the token. */
export function withoutToken(target: string, token: string | undefined): string {
  const mark = target.indexOf('?');
  if (!token || mark < 0) return target;
  const parameters = target.slice(mark + 1).split('&');
  const others = parameters.filter((parameter) => parameter.slice(parameter.indexOf('=') + 1) !== token);
  return others.length > 0 ? `${target.slice(0, mark)}?${others.join('&')}` : target.slice(0, mark);
}
