/**
 * Setting values as text: how a value is read from a file, an argument or a variable,
 * how it is written back, and the words for what a setting expects. Reading and
 * writing are inverse. Ranges and formats are left to the schema's validation.
 */
import { settingFormats } from './setting-formats.ts';
import type { SettingSchema } from './setting-schema.ts';

const secondsPerSuffix = new Map([
  ['', 1],
  ['ms', 0.001],
  ['s', 1],
  ['m', 60],
  ['h', 3600],
]);
const bytesPerSuffix = new Map([
  ['', 1],
  ['k', 1024],
  ['m', 1024 * 1024],
]);
const unscaled = new Map([['', 1]]);
const booleans = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['0', false],
]);

/** The value that the text stands for; undefined where it is not of the setting's kind. */
export function parseSettingText(schema: SettingSchema, text: string): unknown {
  switch (schema.setting.kind) {
    case 'boolean':
      return booleans.get(text.toLowerCase());
    case 'bytes':
      return scaled(text, /^(\d{1,15})\s*([km]?)$/i, bytesPerSuffix);
    case 'choice':
      return schema.enum?.find((word) => word === text.toLowerCase());
    case 'integer':
      return scaled(text, /^([+-]?\d{1,15})()$/, unscaled);
    case 'list':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    case 'seconds':
      return scaled(text, /^(\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|m|h|)$/i, secondsPerSuffix);
    case 'text':
      return text;
    case 'wordOrInteger':
      return (
        words(schema).find((word) => word === text.toLowerCase()) ??
        scaled(text, /^([+-]?\d{1,15})()$/, unscaled)
      );
  }
}

/** The value as it would stand in the file. */
export function formatSettingValue(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}

/** What the setting takes, in words that read on after "expected". */
export function describeExpected(schema: SettingSchema): string {
  switch (schema.setting.kind) {
    case 'boolean':
      return 'true or false (also yes/no, on/off, 1/0)';
    case 'bytes':
      return `bytes ${rangeOf(schema)}, or with the suffix k or M`;
    case 'choice':
      return `one of ${(schema.enum ?? []).join(', ')}`;
    case 'integer':
      return `a whole number ${rangeOf(schema)}`;
    case 'list':
      return `a comma separated list of ${schema.items?.format === undefined ? 'values' : settingFormats[schema.items.format].expected}`;
    case 'seconds':
      return `seconds ${rangeOf(schema)}, or with the suffix ms, s, m or h`;
    case 'text':
      return schema.format === undefined ? 'text' : settingFormats[schema.format].expected;
    case 'wordOrInteger':
      return `${words(schema).join(', ')} or a whole number ${rangeOf(integerOf(schema))}`;
  }
}

/** The same in short, for a column of a table; empty where the kind says it all. */
export function describeValues(schema: SettingSchema): string {
  switch (schema.setting.kind) {
    case 'boolean':
      return 'true, false';
    case 'bytes':
      return `${formatBytes(schema.minimum)} to ${formatBytes(schema.maximum)} bytes`;
    case 'choice':
      return (schema.enum ?? []).join(', ');
    case 'integer':
      return `${schema.minimum} to ${schema.maximum}`;
    case 'list':
      return schema.items?.format === undefined ? 'list' : settingFormats[schema.items.format].expected;
    case 'seconds':
      return `${schema.minimum} to ${schema.maximum} seconds`;
    case 'text':
      return schema.format === undefined || schema.format === 'line'
        ? ''
        : settingFormats[schema.format].expected;
    case 'wordOrInteger': {
      const { minimum, maximum } = integerOf(schema);
      return `${words(schema).join(', ')}, ${minimum} to ${maximum}`;
    }
  }
}

function formatBytes(bytes = 0): string {
  if (bytes > 0 && bytes % (1024 * 1024) === 0) return `${bytes / (1024 * 1024)}M`;
  return bytes > 0 && bytes % 1024 === 0 ? `${bytes / 1024}k` : String(bytes);
}

function integerOf(schema: SettingSchema): { readonly minimum?: number; readonly maximum?: number } {
  return (schema.anyOf ?? []).find((one) => one.const === undefined) ?? {};
}

function words(schema: SettingSchema): string[] {
  return (schema.anyOf ?? []).flatMap((one) => (one.const === undefined ? [] : [one.const]));
}

function scaled(text: string, form: RegExp, factors: ReadonlyMap<string, number>): number | undefined {
  const [, digits, suffix = ''] = form.exec(text) ?? [];
  const factor = factors.get(suffix.toLowerCase());
  if (digits === undefined || factor === undefined) return undefined;
  // Rounded to millionths, so that no error of the last bit remains of 0.001.
  return Math.round(Number(digits) * factor * 1e6) / 1e6;
}

function rangeOf(schema: { readonly minimum?: number; readonly maximum?: number }): string {
  return `from ${schema.minimum} to ${schema.maximum}`;
}
