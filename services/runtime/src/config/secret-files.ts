/**
 * Settings that name a file with a secret (`…PasswordFile`): the content, less one
 * trailing newline, stands in for the setting itself. Only one of the two may be given.
 */
import { type KnownSection, mountSection } from './setting-catalogue.ts';
import { invalid } from './setting-layer.ts';
import type { Origin, SettingProblem } from './settings.ts';

const maxSecretLength = 4096;

export type ReadFile = (path: string) => string;

/**
 * Fills the secrets of one section, in place.
 * @param originPath `auth` for origins `auth.sourcePassword`, or the pattern of a mount
 */
export function readSecretFiles(
  section: KnownSection,
  values: Record<string, unknown>,
  originPath: string,
  origins: Map<string, Origin>,
  readFile: ReadFile,
  problems: SettingProblem[],
): void {
  for (const { iniKey, key, schema } of section.settings) {
    const path = values[key];
    const target = section.byKey.get(schema.setting.fileOf?.toLowerCase() ?? '');
    const origin = origins.get(`${originPath}.${key}`);
    if (target === undefined || typeof path !== 'string' || path === '' || origin === undefined) continue;
    const name = section === mountSection ? `[Mount ${originPath}]` : `[${section.iniName}]`;
    const direct = origins.get(`${originPath}.${target.key}`);
    if (direct !== undefined && direct.layer !== 'defaults' && values[target.key] !== '') {
      problems.push(
        invalid(
          origin.where,
          `${name} ${iniKey} and ${target.iniKey} (${direct.where}) are both given; keep one`,
        ),
      );
      continue;
    }
    try {
      const secret = readFile(path).replace(/\r?\n$/, '');
      if (secret === '') problems.push(invalid(origin.where, `${name} ${iniKey}: ${path} is empty`));
      else if (secret.length > maxSecretLength) {
        problems.push(invalid(origin.where, `${name} ${iniKey}: ${path} is too long for a secret`));
      } else {
        values[target.key] = secret;
        origins.set(`${originPath}.${target.key}`, {
          layer: origin.layer,
          where: `${path} (${origin.where})`,
        });
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push({
        code: 'LS_CONFIG_UNREADABLE',
        where: origin.where,
        message: `${name} ${iniKey}: cannot read ${path}: ${reason}`,
      });
    }
  }
}
