/**
 * `legacystream hash-password [password]`: prints the hashed form for the configuration.
 * Without an argument the password is the first line of standard input, which keeps it
 * out of the shell's history.
 */
import { passwordWeakness } from '@legacystream/runtime/config/weak-password.ts';
import { hashPassword, maxPasswordBytes } from '@legacystream/runtime/passwords.ts';
import type { CommandIo } from './command-io.ts';

/** @returns the exit status: 1 for a password that the server would refuse */
export async function runHashPassword(
  password: string | undefined,
  io: Pick<CommandIo, 'readStdin' | 'stdout' | 'stderr'>,
): Promise<number> {
  const plain = password ?? (await io.readStdin()).split(/\r?\n/, 1)[0] ?? '';
  const weakness =
    plain === ''
      ? 'is empty'
      : tooLong(plain)
        ? `is longer than ${maxPasswordBytes} bytes`
        : passwordWeakness(plain);
  if (weakness !== undefined || plain.startsWith('scrypt:')) {
    io.stderr(`the password ${weakness ?? 'is a hash already'}\n`);
    return 1;
  }
  if (plain.includes(':')) io.stderr('note: SHOUTcast v1 encoders cannot use a password with a colon\n');
  io.stdout(`${await hashPassword(plain)}\n`);
  return 0;
}

function tooLong(plain: string): boolean {
  return Buffer.byteLength(plain) > maxPasswordBytes;
}
