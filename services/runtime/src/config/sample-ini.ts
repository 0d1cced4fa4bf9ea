/**
 * Writes deploy/legacystream.ini from the schemas: every setting with its meaning and
 * its default. A comment starts with `; `; a setting that is switched off, as those of
 * the example mount are, starts with `;` alone.
 */
import { type KnownSetting, mountSection, plainSections, settingTitle } from './setting-catalogue.ts';
import { describeValues, formatSettingValue } from './setting-text.ts';
import { wrapText } from './wrap-text.ts';

const introduction = [
  'LegacyStream: sample configuration. Every setting stands here with its default, so that a',
  'file with nothing but your own changes does the same.',
  'Lists are separated by commas. A comment needs a line of its own. Settings on the command',
  'line (--set server.httpPort=8000) and in the environment (LEGACYSTREAM_SERVER_HTTP_PORT=8000)',
  'win over this file. `legacystream config check` tells what is wrong with a file, and',
  '`legacystream config explain` where each value comes from.',
];

export function renderSampleIni(): string {
  const lines = introduction.map((line) => `; ${line}`);
  for (const section of plainSections) {
    lines.push('', '', ...comment(section.description), `[${section.iniName}]`);
    for (const setting of section.settings) lines.push(...settingLines(setting, ''));
  }
  lines.push('', '', ...comment(mountSection.description));
  lines.push('; Remove the semicolons that no space follows to use it.', ';[Mount /live.mp3]');
  for (const setting of mountSection.settings) lines.push(...settingLines(setting, ';'));
  return `${lines.join('\n')}\n`;
}

function settingLines({ iniKey, schema }: KnownSetting, prefix: string): string[] {
  const { inherits } = schema.setting;
  const values = describeValues(schema);
  return [
    '',
    ...comment(schema.description),
    ...comment(values === '' ? '' : `Values: ${values}.`),
    ...comment(inherits === undefined ? '' : `Default: as ${settingTitle(inherits)}.`),
    `${prefix}${iniKey}=${formatSettingValue(schema.default)}`,
  ];
}

function comment(text: string): string[] {
  return wrapText(text, 96).map((line) => `; ${line}`);
}
