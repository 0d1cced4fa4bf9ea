import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, errorCodes, LegacyStreamError } from './errors.ts';

test('an error carries its code, the status of the code and its cause', () => {
  const cause = new Error('socket closed');
  const error = new LegacyStreamError('LS_MOUNT_IN_USE', 'mountpoint in use', { cause });
  assert.ok(error instanceof Error);
  assert.equal(error.name, 'LegacyStreamError');
  assert.equal(error.code, 'LS_MOUNT_IN_USE');
  assert.equal(error.status, 403);
  assert.equal(error.message, 'mountpoint in use');
  assert.equal(error.cause, cause);
});

test('the table is in alphabetical order and every status is one of an error', () => {
  const codes = Object.keys(errorCodes) as ErrorCode[];
  assert.deepEqual(codes, [...codes].sort());
  for (const code of codes) {
    assert.match(code, /^LS_[A-Z]+(?:_[A-Z]+)*$/);
    assert.ok(errorCodes[code] >= 400 && errorCodes[code] <= 599, code);
  }
});
