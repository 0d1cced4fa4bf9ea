/**
 * Turns the texts of one layer into values: read by kind, then checked against the
 * schema by ajv, both reported in the same words and at the place the text stands.
 * A refused text leaves the setting as the layers below have it.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import type { KnownSection } from './setting-catalogue.ts';
import { settingFormats } from './setting-formats.ts';
import { invalid, type LayerEntry } from './setting-layer.ts';
import { describeExpected, parseSettingText } from './setting-text.ts';
import type { SettingProblem } from './settings.ts';

export type SettingValue = { readonly entry: LayerEntry; readonly value: unknown };

export class SettingValidator {
  readonly #ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
  readonly #compiled = new Map<KnownSection, ValidateFunction>();

  constructor() {
    this.#ajv.addVocabulary(['setting']);
    for (const [name, { matches }] of Object.entries(settingFormats)) this.#ajv.addFormat(name, matches);
  }

  /** The values that hold, in the order of the entries. */
  validate(entries: readonly LayerEntry[], problems: SettingProblem[]): SettingValue[] {
    const held: SettingValue[] = [];
    for (const entry of entries) {
      const value = parseSettingText(entry.setting.schema, entry.text);
      if (value !== undefined && this.#holds(entry, value)) held.push({ entry, value });
      else problems.push(invalid(entry.where, refusal(entry)));
    }
    return held;
  }

  #holds({ section, setting }: LayerEntry, value: unknown): boolean {
    let check = this.#compiled.get(section);
    if (check === undefined) {
      const properties = Object.fromEntries(section.settings.map(({ key, schema }) => [key, schema]));
      check = this.#ajv.compile({ type: 'object', properties });
      this.#compiled.set(section, check);
    }
    return check({ [setting.key]: value });
  }
}

function refusal({ section, setting, text }: LayerEntry): string {
  const shown = setting.schema.setting.secret
    ? ''
    : `, got ${JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)}`;
  const comment =
    /^\S*\s+[;#]/.test(text) && !setting.schema.setting.secret ? ' (a comment needs a line of its own)' : '';
  return `[${section.iniName}] ${setting.iniKey}: expected ${describeExpected(setting.schema)}${shown}${comment}`;
}
