/**
 * The kinds of setting there are, as TypeBox builders.
 *
 * Each builder returns a plain JSON schema with a default, a description whose first
 * sentence stands alone, and one extra keyword, `setting`, that tells how the value is
 * written as text. Types, validation, the sample file and the documentation all read
 * these schemas and nothing else.
 */
import { Type } from 'typebox';
import type { SettingFormat } from './setting-formats.ts';

export type SettingKind =
  | 'boolean'
  | 'bytes'
  | 'choice'
  | 'integer'
  | 'list'
  | 'seconds'
  | 'text'
  | 'wordOrInteger';

export type SettingTraits = {
  readonly kind: SettingKind;
  /** Never printed in clear. */
  readonly secret?: true;
  /** For a password: the words in which a weak one is refused apply to it. */
  readonly password?: true;
  /** The key, in the same section, that the content of the named file stands for. */
  readonly fileOf?: string;
  /** The plain setting, `section.key`, that speaks where a mount says nothing. */
  readonly inherits?: string;
};

/** What the rest of the package reads of a setting's schema. */
export type SettingSchema = {
  readonly description: string;
  readonly default: unknown;
  readonly setting: SettingTraits;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly {
    readonly const?: string;
    readonly minimum?: number;
    readonly maximum?: number;
  }[];
  readonly format?: SettingFormat;
  readonly items?: { readonly format?: SettingFormat };
};

type Range = { readonly minimum: number; readonly maximum: number };
type Extra = Omit<SettingTraits, 'kind'>;

const maxTextLength = 4096;
const maxListItems = 1000;

export function integer(fallback: number, range: Range, description: string, extra: Extra = {}) {
  return Type.Integer({ default: fallback, ...range, description, setting: { kind: 'integer', ...extra } });
}

/** A TCP port; 0 takes any free one. */
export function port(fallback: number, description: string) {
  return integer(fallback, { minimum: 0, maximum: 65535 }, description);
}

/** Seconds as a number, fractions allowed. */
export function seconds(fallback: number, range: Range, description: string, extra: Extra = {}) {
  return Type.Number({ default: fallback, ...range, description, setting: { kind: 'seconds', ...extra } });
}

export function bytes(fallback: number, range: Range, description: string, extra: Extra = {}) {
  return Type.Integer({ default: fallback, ...range, description, setting: { kind: 'bytes', ...extra } });
}

export function toggle(fallback: boolean, description: string, extra: Extra = {}) {
  return Type.Boolean({ default: fallback, description, setting: { kind: 'boolean', ...extra } });
}

export function text(
  fallback: string,
  description: string,
  options: { readonly format?: SettingFormat } & Extra = {},
) {
  const { format, ...extra } = options;
  return Type.String({
    default: fallback,
    maxLength: maxTextLength,
    ...(format === undefined ? {} : { format }),
    description,
    setting: { kind: 'text', ...extra },
  });
}

export function secret(description: string, extra: { readonly format?: SettingFormat } & Extra = {}) {
  return text('', description, { secret: true, ...extra });
}

/** A password that is refused when it is weak. */
export function password(description: string, extra: Extra = {}) {
  return secret(description, { password: true, ...extra });
}

export function choice<const Word extends string>(
  fallback: NoInfer<Word>,
  words: readonly [...Word[]],
  description: string,
) {
  return Type.Enum(words, { default: fallback, description, setting: { kind: 'choice' } });
}

export function wordOrInteger<const Word extends string>(
  fallback: NoInfer<Word> | number,
  words: readonly Word[],
  range: Range,
  description: string,
) {
  // The static type of a union is lost when its members are not a tuple.
  return Type.Unsafe<Word | number>({
    anyOf: [...words.map((word) => Type.Literal(word)), Type.Integer(range)],
    default: fallback,
    description,
    setting: { kind: 'wordOrInteger' },
  });
}

export function list(format: SettingFormat, description: string) {
  return Type.Array(Type.String({ format }), {
    default: [],
    maxItems: maxListItems,
    description,
    setting: { kind: 'list' },
  });
}
