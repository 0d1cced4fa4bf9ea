/**
 * Makes what the log is given fit for it: secrets are left out, whatever a stranger sent
 * cannot forge a line or drive a terminal, and depth, length and number of values are
 * bounded. Works on copies.
 */
const secretKey =
  /^(?:pass|passwd|.*password(?:-?hash)?|(?:proxy-?)?authorization|(?:set-?)?cookie|.*secret|.*token|.*private-?key)$/i;
const secretParameter = /([?&;](?:[a-z_-]*pass(?:word|wd)?|token|auth)=)[^&\s"#]*/gi;
const secretInUrl = /(\/\/[^\s/:@?#]*:)[^\s/@?#]*@/g;
const controlCharacter = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;
const controlInStack = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

const hidden = '[redacted]';
const maxDepth = 5;
const maxItems = 100;
const maxTextLength = 4096;
const maxStackLength = 16_384;

/** A line of text without control characters and without passwords of URLs. */
export function redactText(text: string): string {
  return hideSecrets(cut(text, maxTextLength)).replace(controlCharacter, escapeControl);
}

/** A target or URL without the values of its secret parameters, otherwise untouched. */
export function hideSecrets(text: string): string {
  if (!text.includes('=') && !text.includes('@')) return text;
  return text.replace(secretParameter, `$1${hidden}`).replace(secretInUrl, `$1${hidden}@`);
}

/** A copy of the fields of a log line, fit to be written. */
export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactEntries(Object.entries(fields), 0);
}

function redactEntries(
  entries: readonly (readonly [string, unknown])[],
  depth: number,
): Record<string, unknown> {
  const copy: [string, unknown][] = [];
  for (const [key, value] of entries.slice(0, maxItems)) {
    const isSecret = secretKey.test(key) && value !== undefined && value !== null && value !== '';
    copy.push([redactText(key), isSecret ? hidden : redactValue(value, depth + 1)]);
  }
  return Object.fromEntries(copy);
}

function redactValue(value: unknown, depth: number): unknown {
  try {
    return readValue(value, depth);
  } catch {
    // A getter, a proxy or a field of another type than it should have: the line is still written.
    return '[unreadable]';
  }
}

function readValue(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return redactText(value);
    case 'bigint':
    case 'symbol':
      return String(value);
    case 'function':
      return '[function]';
    case 'object':
      return value === null ? null : redactObject(value, depth);
    default:
      return value;
  }
}

function redactObject(value: object, depth: number): unknown {
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof URL) return redactText(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= maxDepth) return '[…]';
  if (value instanceof Map)
    return redactEntries(
      [...value].slice(0, maxItems).map(([key, of]) => [plainText(key), of] as const),
      depth,
    );
  if (Array.isArray(value) || value instanceof Set) {
    return [...value].slice(0, maxItems).map((item) => redactValue(item, depth + 1));
  }
  return redactEntries(Object.entries(value), depth);
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  const { code } = error as NodeJS.ErrnoException;
  const stack = hideSecrets(cut(error.stack ?? '', maxStackLength)).replace(controlInStack, escapeControl);
  return {
    type: redactText(error.name),
    message: redactText(error.message),
    ...(code === undefined ? {} : { code: redactText(plainText(code)) }),
    stack,
    ...(error.cause === undefined || depth >= maxDepth ? {} : { cause: redactValue(error.cause, depth + 1) }),
  };
}

/** The text of a key or an error code, which are no objects but in a hostile or odd value. */
function plainText(key: unknown): string {
  return typeof key === 'object' && key !== null ? '[object]' : String(key);
}

function cut(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
}

function escapeControl(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
