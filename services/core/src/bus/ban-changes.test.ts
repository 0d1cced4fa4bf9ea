import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Ban, banDocument, maxBanText, parseBan } from '../auth/ban.ts';
import { type BanChange, decodeBanChange, encodeBanChange } from './ban-changes.ts';

const ban: Ban = { range: '192.0.2.0/24', reason: 'abuse', by: 'admin', createdAtMs: 1, expiresAtMs: null };

const read = (value: unknown) => decodeBanChange(Buffer.from(JSON.stringify(value)));

test('what one pod says, another hears', () => {
  const changes: BanChange[] = [
    { op: 'ban', ban },
    { op: 'ban', ban: { ...ban, range: '2001:db8::1', expiresAtMs: 1_800_000_000_000 } },
    { op: 'ban', ban: { ...ban, reason: '\u{1f4fb}'.repeat(maxBanText), by: '' } },
    { op: 'unban', range: '10.0.0.0/8' },
  ];
  for (const change of changes) assert.deepEqual(decodeBanChange(encodeBanChange(change)), change);
});

test('a ban comes back from what the store keeps of it', () => {
  assert.deepEqual(parseBan(ban.range, banDocument(ban)), ban);
});

test('what is no change is none', () => {
  for (const value of [
    null,
    [],
    'ban',
    { op: 'ban' },
    { op: 'ban', ban: null },
    { op: 'ban', ban: [] },
    { op: 'ban', range: ban.range },
    { op: 'unban', ban },
    { op: 'unban', range: 7 },
    { op: 'unban', range: '10.1.2.3/8' },
    { op: 'unban', range: 'everybody' },
    { op: 'other', range: '10.0.0.0/8' },
    ...[
      { range: '192.0.2.1/24' },
      { range: '' },
      { range: undefined },
      { reason: 7 },
      { reason: 'x'.repeat(2 * maxBanText + 1) },
      { by: null },
      { createdAtMs: -1 },
      { createdAtMs: '1' },
      { expiresAtMs: undefined },
      { expiresAtMs: 1.5 },
      { expiresAtMs: -1 },
    ].map((wrong) => ({ op: 'ban', ban: { ...ban, ...wrong } })),
  ])
    assert.equal(read(value), undefined, JSON.stringify(value));
  assert.equal(decodeBanChange(Buffer.from('{')), undefined);
  const long = Buffer.from(`${JSON.stringify({ op: 'unban', range: '10.0.0.0/8' })}${' '.repeat(8192)}`);
  assert.equal(decodeBanChange(long), undefined, 'longer than any message');
});

test('no bytes throw', () => {
  const json = fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), json), (bytes) => void decodeBanChange(bytes)),
    { seed: 20261123, numRuns: 2000 },
  );
});
