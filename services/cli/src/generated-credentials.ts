/**
 * Passwords for who has configured none: made once, kept in the data directory for the
 * server's own account only, never a default that others know.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import { loadOrCreate } from '@legacystream/runtime/private-file.ts';

export type GeneratedCredentials = {
  /** With the generated passwords in the places of missing ones. */
  readonly settings: Settings;
  /** What was generated, now or at an earlier start; empty where all was configured. */
  readonly used: readonly ('sourcePassword' | 'adminPassword')[];
  /** Made by this very start: they are shown once. */
  readonly isNew: boolean;
  /** They are in the file at `path`; else they are lost with the process. */
  readonly isKept: boolean;
  readonly path: string;
};

/** 16 characters of 62: 95 bits, typed into an encoder without trouble. */
function makePassword(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  let password = '';
  while (password.length < 16) {
    for (const byte of randomBytes(32)) {
      // Values above the last whole multiple of 62 would favour the first letters.
      if (byte < 248 && password.length < 16) password += alphabet[byte % 62];
    }
  }
  return password;
}

export async function generateCredentials(
  settings: Settings,
  warn: (message: string) => void,
): Promise<GeneratedCredentials> {
  const path = join(settings.server.dataDir, 'credentials.json');
  const used = (['sourcePassword', 'adminPassword'] as const).filter((name) => settings.auth[name] === '');
  if (used.length === 0) return { settings, used, isNew: false, isKept: false, path };
  const create = () => JSON.stringify({ sourcePassword: makePassword(), adminPassword: makePassword() });
  const { value, origin } = await loadOrCreate({ path, create, warn });
  const stored = readCredentials(value);
  if (!stored) warn(`${path} does not hold credentials; new ones are used until the next start`);
  const credentials = stored ?? (JSON.parse(create()) as Credentials);
  const auth = { ...settings.auth };
  for (const name of used) auth[name] = credentials[name];
  // Mounts inherit what they were not given; the merge reads it from here.
  return {
    settings: { ...settings, auth },
    used,
    isNew: origin !== 'file' || !stored,
    isKept: origin !== 'memory' && stored !== undefined,
    path,
  };
}

type Credentials = { sourcePassword: string; adminPassword: string };

function readCredentials(text: string): Credentials | undefined {
  try {
    const value = JSON.parse(text) as Partial<Credentials>;
    const { sourcePassword, adminPassword } = value;
    const isGood = [sourcePassword, adminPassword].every(
      (word) => typeof word === 'string' && word.length >= 6,
    );
    return isGood ? (value as Credentials) : undefined;
  } catch {
    return undefined;
  }
}
