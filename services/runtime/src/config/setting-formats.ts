/**
 * The forms that a text setting may be bound to, each with the words in which a
 * refusal and the documentation name it. An empty text passes wherever `optional` says so.
 */
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import { canonicalIpRange } from '@legacystream/core/auth/ip-range.ts';
import { isReservedPath, parseMountPath } from '@legacystream/core/mounts/mount-path.ts';

type Form = {
  /** Reads on after "expected". */
  readonly expected: string;
  readonly matches: (text: string) => boolean;
};

export const settingFormats = {
  address: { expected: 'an IP address or a host name', matches: (t) => isIP(t) > 0 || isHostName(t) },
  charset: {
    expected: 'a character set that the WHATWG Encoding standard knows, or nothing',
    matches: (t) => t === '' || isCharset(t),
  },
  domain: { expected: 'domain names', matches: (t) => isHostName(t.startsWith('*.') ? t.slice(2) : t) },
  formName: {
    expected: 'letters, digits, dots, dashes and underscores, or nothing',
    matches: (t) => /^[A-Za-z0-9._-]{0,64}$/.test(t),
  },
  headerLine: {
    expected: 'the beginning of a header line, its name with a colon',
    matches: (t) => /^[A-Za-z0-9_-]{1,64}:[\u0020-\u007e]*$/.test(t),
  },
  headerName: { expected: 'names of headers', matches: (t) => /^[A-Za-z0-9_-]{1,64}$/.test(t) },
  hostName: { expected: 'a host name, or nothing', matches: (t) => t === '' || isHostName(t) },
  httpUrl: { expected: 'an http:// or https:// URL, or nothing', matches: (t) => t === '' || isHttpUrl(t) },
  httpUrls: {
    expected: 'http:// URLs with commas between them, or nothing',
    matches: (t) =>
      t === '' || t.split(',').every((url) => /^http:/i.test(url.trim()) && isHttpUrl(url.trim())),
  },
  ipRange: {
    expected: 'addresses or ranges such as 10.0.0.0/8 or fd00::/8',
    matches: (t) => canonicalIpRange(t) !== undefined,
  },
  keyExchange: {
    expected: 'groups that OpenSSL knows, with colons between them, or auto',
    matches: areGroups,
  },
  line: { expected: 'text without control characters', matches: (t) => !/[\u0000-\u001f\u007f]/.test(t) },
  mountPath: {
    expected: 'a path that starts with / and is none of the server’s own pages',
    matches: (t) => isMountPattern(t) && !t.includes('*'),
  },
  name: {
    expected: 'a name without colon or control character',
    matches: (t) => /^[^:\u0000-\u001f\u007f]+$/.test(t),
  },
  optionalName: {
    expected: 'a name without colon or control character, or nothing',
    matches: (t) => /^[^:\u0000-\u001f\u007f]*$/.test(t),
  },
  optionalToken: {
    expected: 'letters, digits and dashes, at most 63, or nothing',
    matches: (t) => t === '' || isToken(t),
  },
  token: { expected: 'letters, digits and dashes, at most 63', matches: isToken },
  userAgent: {
    expected: 'patterns of user agents such as NastyBot*',
    matches: (t) => !/[\u0000-\u001f\u007f]/.test(t),
  },
} as const satisfies Record<string, Form>;

export type SettingFormat = keyof typeof settingFormats;

/** True for the path, or the `*` template of paths, of a mount section. */
export function isMountPattern(pattern: string): boolean {
  try {
    return !isReservedPath(parseMountPath(pattern));
  } catch {
    return false;
  }
}

function isToken(text: string): boolean {
  return /^[A-Za-z0-9-]{1,63}$/.test(text);
}

function areGroups(text: string): boolean {
  try {
    createSecureContext({ ecdhCurve: text });
    return text !== '';
  } catch {
    return false;
  }
}

function isHostName(text: string): boolean {
  return text.length <= 253 && /^(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?$/.test(text);
}

function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

function isCharset(label: string): boolean {
  try {
    return new TextDecoder(label) !== undefined;
  } catch {
    return false;
  }
}
