/**
 * The password files of listeners as they are now: looked at again at most once a second when
 * somebody logs in. One that cannot be read, or is none, leaves the last good one in force.
 */
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '@legacystream/core/clock.ts';
import {
  type ListenerPasswords,
  maxPasswordFileBytes,
  parseListenerPasswords,
} from '@legacystream/runtime/listener-passwords.ts';
import type { Log } from '@legacystream/runtime/log.ts';

type KnownFile = {
  passwords: ListenerPasswords | undefined;
  /** Changes with the content. */
  version: string;
  lookedMs: number;
  looking: Promise<void> | undefined;
};

const lookEveryMs = 1_000;

export class PasswordFiles {
  readonly #clock: Clock;
  readonly #log: Pick<Log, 'warn' | 'info'>;
  readonly #files = new Map<string, KnownFile>();

  constructor(clock: Clock, log: Pick<Log, 'warn' | 'info'>) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Undefined where the file was never readable: nobody gets in. */
  async get(path: string): Promise<ListenerPasswords | undefined> {
    let file = this.#files.get(path);
    if (!file) {
      file = {
        passwords: undefined,
        version: '',
        lookedMs: Number.NEGATIVE_INFINITY,
        looking: undefined,
      };
      this.#files.set(path, file);
    }
    if (this.#clock.monotonicMs() - file.lookedMs >= lookEveryMs) {
      const known = file;
      known.looking ??= this.#look(path, known).finally(() => {
        known.lookedMs = this.#clock.monotonicMs();
        known.looking = undefined;
      });
      await known.looking;
    }
    return file.passwords;
  }

  async #look(path: string, file: KnownFile): Promise<void> {
    let version = '';
    try {
      const { mtimeMs, ctimeMs, size, ino } = await stat(path);
      version = `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
      if (version === file.version) return;
      if (size > maxPasswordFileBytes) throw new Error('is too large');
      const parsed = parseListenerPasswords(await readFile(path, 'utf8'));
      if (typeof parsed === 'string') throw new Error(parsed);
      if (file.passwords) this.#log.info('listener_passwords.changed', { path, users: parsed.users.size });
      file.passwords = parsed;
    } catch (error) {
      version ||= 'unreadable';
      const kept = file.passwords ? 'the one read before stays in force' : 'nobody gets in';
      if (version !== file.version)
        this.#log.warn('listener_passwords.failed', { path, error }, `${path} cannot be used: ${kept}`);
    }
    file.version = version;
  }
}
