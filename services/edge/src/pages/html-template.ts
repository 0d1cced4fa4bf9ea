/**
 * HTML by tagged template, safe by default: every value is escaped for text and for
 * double-quoted attributes alike, and only what this tag itself made is put in as it
 * is. Attribute values must stand in double quotes, and addresses must have passed
 * `safeLink` or be built by us; no value may stand inside a script or a style.
 */
import { escapeXmlAttribute } from '@legacystream/core/status/xml-text.ts';

export class Html {
  readonly #text: string;

  /** Not for use outside this module: whoever calls it vouches for the text. */
  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** `false` and `undefined` give nothing, so that `condition && html…` reads well. */
export type HtmlValue = Html | string | number | false | undefined | readonly HtmlValue[];

export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = strings[0] ?? '';
  for (const [index, value] of values.entries()) text += render(value) + (strings[index + 1] ?? '');
  return new Html(text);
}

function render(value: HtmlValue): string {
  if (value instanceof Html) return value.toString();
  if (value === undefined || value === false) return '';
  if (typeof value === 'object') return value.map(render).join('');
  return escapeXmlAttribute(String(value));
}
