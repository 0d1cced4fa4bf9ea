/** The logs that the settings ask for. */
import { join } from 'node:path';
import { AccessLog } from '@legacystream/runtime/access-log.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import { createLog, type Log, type LogLevel, type RootLog } from '@legacystream/runtime/log.ts';
import type { SystemClock } from '@legacystream/runtime/system-clock.ts';

const levels: Readonly<Record<Settings['log']['level'], LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  fatal: 'error',
  silent: 'silent',
};

export function openLog(settings: Settings, clock: SystemClock): RootLog {
  const { level, format, file } = settings.log;
  return createLog({ level: levels[level], format, clock, ...(file && { file }) });
}

export function openAccessLog(settings: Settings, clock: SystemClock, log: Log): AccessLog | undefined {
  const { accessLog } = settings.log;
  if (accessLog === 'off') return undefined;
  return new AccessLog({ path: accessLog || join(settings.server.dataDir, 'access.log'), clock, log });
}
