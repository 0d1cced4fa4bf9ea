import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PasswordVerifier } from '@legacystream/runtime/passwords.ts';
import { runHashPassword } from './hash-password.ts';

async function run(password: string | undefined, stdin = '') {
  let stdout = '';
  let stderr = '';
  const status = await runHashPassword(password, {
    readStdin: async () => stdin,
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
  });
  return { status, stdout, stderr };
}

test('the argument, or else the first line of standard input, is hashed', async () => {
  const verifier = new PasswordVerifier();
  const byArgument = await run('tonight on air');
  const byInput = await run(undefined, 'tonight on air\r\nmore\n');
  for (const { status, stdout, stderr } of [byArgument, byInput]) {
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^scrypt:.*\n$/);
    assert.equal(await verifier.verify('tonight on air', stdout.trim()), true);
  }
});

for (const [what, password, stdin] of [
  ['nothing', undefined, ''],
  ['an empty argument', '', 'not read'],
  ['a weak password', 'hackme', ''],
  ['a short password', undefined, 'abc\n'],
  ['a password that never could match', 'x'.repeat(1025), ''],
  ['a hash', 'scrypt:N=2,r=1,p=1:x:y', ''],
] as const) {
  test(`${what} is refused`, async () => {
    const { status, stdout, stderr } = await run(password, stdin);
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /^the password is /);
  });
}

test('a colon is hashed with a note', async () => {
  const { status, stderr } = await run('with:colon');
  assert.equal(status, 0);
  assert.match(stderr, /SHOUTcast v1/);
});
