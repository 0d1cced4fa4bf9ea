/**
 * Writes docs/configuration.md from the schemas, so that the page cannot differ from
 * what the program does.
 */
import {
  environmentName,
  type KnownSetting,
  mountSection,
  plainSections,
  settingTitle,
} from './setting-catalogue.ts';
import { describeValues, formatSettingValue } from './setting-text.ts';

const introduction = `# Configuration

This page is generated from the settings schema; \`node services/runtime/src/config/write-reference.ts\` writes it anew,
together with the sample file [deploy/legacystream.ini](../deploy/legacystream.ini).

## Where a value comes from

Five places may give a value. Each wins over those above it:

1. the built-in default;
2. the INI file, named by \`--config FILE\` or else by \`LEGACYSTREAM_CONFIG\`;
3. the command line, \`--set section.key=value\`, as often as needed;
4. settings changed while running;
5. the environment.

One setting has the same name everywhere, written as each place does: \`[Server] HttpPort\` in the file is
\`--set server.httpPort=8000\` and \`LEGACYSTREAM_SERVER_HTTP_PORT=8000\`. Upper and lower case make no difference in the file and on
the command line.

- \`legacystream config check\` reports everything that is wrong, each with its file and line, and ends with status 1 if anything is.
- \`legacystream config explain\` prints every value with the place it comes from; \`legacystream config explain server.httpPort\`
  prints one, and \`legacystream config explain /live.mp3\` what holds for a mount. Secrets are masked.

## How values are written

- **Durations** are seconds, with a fraction where wanted: \`5\`, \`0.5\`; or have a suffix: \`500ms\`, \`5s\`, \`2m\`, \`1h\`.
- **Sizes** are bytes, or have the suffix \`k\` (1024) or \`M\` (1024 × 1024): \`65536\`, \`64k\`.
- **Switches** are \`true\`/\`false\`, \`yes\`/\`no\`, \`on\`/\`off\` or \`1\`/\`0\`.
- **Lists** are separated by commas.
- **Port 0** takes any free port.
- **Paths** that are relative start at the working directory.

In the INI file a comment starts with \`;\` or \`#\` as the first character of a line and nowhere else, so that passwords may contain both.
White space around a value is dropped, and then one pair of double quotes around it, which keeps the white space inside. Unknown and
repeated keys and sections are errors. The file is UTF-8, at most 1 MiB and 20,000 lines.

## Environment

An empty variable counts as not set. An unknown \`LEGACYSTREAM_…\` variable is a warning. The variables that Kubernetes makes for a
Service named \`legacystream…\` (\`LEGACYSTREAM_SERVICE_HOST\`, \`LEGACYSTREAM_PORT=tcp://…\`, \`LEGACYSTREAM_PORT_8000_TCP\`) are passed over, even
where one has the name of a setting: a value that starts with \`tcp://\` is never a port number. Mounts cannot be set in the environment.

## Secrets

A password stands in the configuration in clear, hashed by \`legacystream hash-password\`, or in a file of its own
that \`…PasswordFile\` names, as Docker and Kubernetes mount them; one newline at the end of the file is dropped. Giving both is an
error. Passwords that are tried first everywhere, such as \`hackme\`, and those shorter than six characters are refused
(\`LS_CREDENTIAL_WEAK\`). SHOUTcast v1 encoders cannot use a password with a colon.
`;

const mountIntroduction = `
A section without \`*\` declares the mount. A section with \`*\`, which stands for any characters, slashes included, is a template:
it declares nothing and speaks for every mount that its pattern covers. For each key the strongest of these counts, weakest first: the default, the templates, the one with the
longer text before its first \`*\` over the one with the shorter (of equals the later in the file), and the mount's own section.
The path is written as in a URL, so that a percent sign is \`%25\`.

\`\`\`ini
[Mount /club/*]
SourcePassword=every-room-of-the-club
Genre=House

[Mount /club/main.mp3]
Name=Main floor
\`\`\`
`;

export function renderConfigurationDoc(): string {
  const sections = plainSections.map(
    (section) =>
      `\n## [${section.iniName}]\n\n${section.description}\n\n${table(
        ['Key', 'Default', 'Values', 'Meaning', 'Environment'],
        section.settings.map((setting) => [...cells(setting), `\`${environmentName(section, setting)}\``]),
      )}`,
  );
  const mounts = `\n## [Mount /path]\n\n${mountSection.description}\n${mountIntroduction}\n${table(
    ['Key', 'Default', 'Values', 'Meaning'],
    mountSection.settings.map(cells),
  )}`;
  return `${introduction}${sections.join('')}${mounts}`;
}

function cells({ iniKey, schema }: KnownSetting): string[] {
  const { inherits } = schema.setting;
  const fallback = formatSettingValue(schema.default);
  const shown =
    inherits === undefined
      ? fallback === ''
        ? '(empty)'
        : `\`${fallback}\``
      : `as ${settingTitle(inherits)}`;
  return [`\`${iniKey}\``, shown, describeValues(schema), schema.description];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]) =>
    `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('');
}
