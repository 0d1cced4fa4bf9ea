/** The values of playlist tags (RFC 8216bis §4.2), read strictly: what the grammar does not allow is thrown. */

export class PlaylistSyntaxError extends Error {
  constructor(line: number, reason: string) {
    super(`line ${line}: ${reason}`);
    this.name = 'PlaylistSyntaxError';
  }
}

export class Attributes {
  readonly values: ReadonlyMap<string, string>;
  readonly #line: number;
  readonly #quoted: ReadonlySet<string>;

  constructor(text: string | undefined, line: number, allowed: RegExp) {
    this.#line = line;
    const values = new Map<string, string>();
    const quoted = new Set<string>();
    let at = 0;
    const source = text ?? '';
    if (source === '') throw new PlaylistSyntaxError(line, 'no attributes');
    for (;;) {
      const match = /^([A-Z0-9-]+)=(?:"([^"]*)"|([^",\s]+))/.exec(source.slice(at));
      if (!match) throw new PlaylistSyntaxError(line, `malformed attribute list at column ${at + 1}`);
      const name = match[1]!;
      if (values.has(name)) throw new PlaylistSyntaxError(line, `attribute ${name} twice`);
      if (!allowed.test(name)) throw new PlaylistSyntaxError(line, `unknown attribute ${name}`);
      values.set(name, match[2] ?? match[3]!);
      if (match[2] !== undefined) quoted.add(name);
      at += match[0].length;
      if (at === source.length) break;
      if (source[at] !== ',')
        throw new PlaylistSyntaxError(line, `malformed attribute list at column ${at + 1}`);
      at += 1;
    }
    this.values = values;
    this.#quoted = quoted;
  }

  quoted(name: string): string | undefined {
    const value = this.values.get(name);
    if (value !== undefined && !this.#quoted.has(name)) this.#refuse(`${name} is not a quoted string`);
    return value;
  }

  word(name: string): string | undefined {
    const value = this.values.get(name);
    if (value !== undefined && this.#quoted.has(name)) this.#refuse(`${name} is quoted`);
    return value;
  }

  yes(name: string): boolean {
    const value = this.word(name);
    if (value !== undefined && value !== 'YES') this.#refuse(`${name} is not YES`);
    return value !== undefined;
  }

  integer(name: string): number | undefined {
    const value = this.word(name);
    return value === undefined ? undefined : readInteger(value, this.#line, name);
  }

  decimal(name: string): number | undefined {
    const value = this.word(name);
    return value === undefined ? undefined : readDecimal(value, this.#line, name);
  }

  required<T>(name: string, value: T | undefined): T {
    if (value === undefined) this.#refuse(`no ${name}`);
    return value as T;
  }

  #refuse(reason: string): never {
    throw new PlaylistSyntaxError(this.#line, reason);
  }
}

export function readInteger(text: string | undefined, line: number, what: string): number {
  const value = Number(text);
  if (!/^\d{1,20}$/.test(text ?? '') || !Number.isSafeInteger(value))
    throw new PlaylistSyntaxError(line, `${what} is no integer`);
  return value;
}

function readDecimal(text: string | undefined, line: number, what: string): number {
  if (!/^\d+(?:\.\d+)?$/.test(text ?? '')) throw new PlaylistSyntaxError(line, `${what} is no number`);
  return Number(text);
}

/** A date with milliseconds and zone (ISO 8601, as RFC 8216bis §4.4.4.6 wants it). */
export function readDate(text: string | undefined, line: number): number {
  const isDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)$/.test(text ?? '');
  const ms = isDate ? Date.parse(text!) : Number.NaN;
  if (Number.isNaN(ms)) throw new PlaylistSyntaxError(line, 'no date with its zone');
  return ms;
}
