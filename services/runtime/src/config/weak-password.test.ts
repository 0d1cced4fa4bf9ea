import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passwordWeakness } from './weak-password.ts';

const refused = [
  'hackme',
  'changeme',
  'changemechangeme',
  'password',
  'admin',
  'source',
  'letmein',
  '123456',
  'shoutcast',
  'icecast',
  'your_password',
  'your_password_here',
  'HackMe',
  ' hackme ',
  '12345',
  'ä€😀xy',
  ':',
];
for (const password of refused) {
  test(`${JSON.stringify(password)} is refused`, () => assert.ok(passwordWeakness(password)));
}

for (const password of ['sixsix', 'correct horse', 'hackme-not', 'scrypt:N=2,r=1,p=1:x:y']) {
  test(`${JSON.stringify(password)} is taken`, () => assert.equal(passwordWeakness(password), undefined));
}
