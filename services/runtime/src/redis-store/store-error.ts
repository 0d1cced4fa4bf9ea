/**
 * Turns what the Redis client rejects with into errors of ours. What Redis says is repeated
 * only where it cannot contain what a command carried.
 */
import { LegacyStreamError } from '@legacystream/core/errors.ts';

/** Answers whose text says what an operator has to change, and nothing else. */
const tellingReplies =
  /^(?:NOPERM|NOAUTH|WRONGPASS|OOM|READONLY|LOADING|CLUSTERDOWN|MISCONF|NOREPLICAS|MASTERDOWN|BUSY|WRONGTYPE)\b/;
const maxReasonChars = 200;

export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out';
}

const consequences =
  /^(?:Connection is closed|Stream isn't writeable|Reached the max|Cluster isn't ready|Failed to refresh slots)/;

/** Says only that there is no connection; why there is none was said before. */
export function isConsequence(error: unknown): boolean {
  return error instanceof Error && consequences.test(error.message);
}

/** An answer of the server, as opposed to none. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

export function describeTrouble(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown trouble';
  if (isReply(error) && !tellingReplies.test(error.message)) {
    return `Redis answered ${/^[A-Z]+/.exec(error.message)?.[0] ?? 'with an error'}`;
  }
  if (isTimeout(error)) return 'it did not answer in time';
  // A host with several addresses fails with all of their errors and no text of its own.
  const { code } = error as NodeJS.ErrnoException;
  return (error.message || code || error.name).slice(0, maxReasonChars);
}

export function unavailable(cause: unknown, reason: string): LegacyStreamError {
  // The client adds the command with its values, and with the password when it was AUTH.
  if (cause instanceof Error && 'command' in cause) delete cause.command;
  return new LegacyStreamError('LS_STORE_UNAVAILABLE', `the store cannot be used: ${reason}`, { cause });
}
