/** What someone who starts the server by hand is told: where it is, and how to go on air. */
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { GeneratedCredentials } from './generated-credentials.ts';

export type Welcome = {
  readonly settings: Settings;
  readonly credentials: GeneratedCredentials;
  readonly port: number;
  readonly demoPath: string | undefined;
};

export function renderWelcome({ settings, credentials, port, demoPath }: Welcome): string {
  const base = `http://127.0.0.1:${port}`;
  const { adminUser, sourceUser } = settings.auth;
  const lines = ['', `  LegacyStream is on the air.`, ''];
  if (demoPath) lines.push(`  Listen:       ${base}${demoPath}`);
  lines.push(`  Status page:  ${base}/`);
  lines.push(
    `  Admin:        ${base}/admin/stats   user ${adminUser}, ${passwordHint('adminPassword', credentials)}`,
  );
  lines.push('', '  Go on air:', '', `    ${ffmpegLine(sourceUser, sourceWord(credentials), port)}`, '');
  if (credentials.used.length > 0) lines.push(`  ${whereKept(credentials)}`, '');
  return `${lines.join('\n')}\n`;
}

function whereKept({ isKept, path }: GeneratedCredentials): string {
  return isKept
    ? `Your passwords are kept in ${path}, readable by you alone.`
    : 'Your passwords could not be kept: they change with the next start.';
}

function passwordHint(
  name: 'adminPassword' | 'sourcePassword',
  { settings, used, isNew, path }: GeneratedCredentials,
): string {
  if (!used.includes(name)) return 'password as configured';
  return isNew ? `password ${settings.auth[name]}` : `password in ${path}`;
}

/** The password itself when it has just been made; later, a shell expression that reads it. */
function sourceWord({ settings, used, isNew, path }: GeneratedCredentials): string {
  if (!used.includes('sourcePassword')) return 'SOURCE_PASSWORD';
  if (isNew) return settings.auth.sourcePassword;
  return `$(sed -E 's/.*"sourcePassword":"([^"]*)".*/\\1/' '${path}')`;
}

function ffmpegLine(user: string, password: string, port: number): string {
  const input = '-re -f lavfi -i "sine=frequency=440"';
  const output = '-c:a libmp3lame -b:a 128k -content_type audio/mpeg -f mp3';
  return `ffmpeg ${input} ${output} "icecast://${user}:${password}@127.0.0.1:${port}/live.mp3"`;
}
