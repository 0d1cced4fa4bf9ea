import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forgeStreamInfo } from '../../../../test/fixtures/audio/forge-containers.ts';
import { readAudioFixture } from '../../../../test/fixtures/audio/replay-splitter.ts';
import { encodeFlacLiveHeader, parseFlacStreamInfo } from './flac-stream-info.ts';

test('a real file describes itself', () => {
  assert.deepEqual(parseFlacStreamInfo(readAudioFixture('native.flac'), 8), {
    sampleRateHz: 44_100,
    channels: 1,
    bitsPerSample: 16,
    maxFrameBytes: 0x4f5,
  });
});

test('the header for joiners keeps the format and forgets what only a finished file knows', () => {
  const file = readAudioFixture('native.flac');
  const header = encodeFlacLiveHeader(file, 8);
  assert.deepEqual(
    Buffer.from(header),
    Buffer.from(`664c614380000022120012000000000000000ac440f0${'00'.repeat(20)}`, 'hex'),
  );
  assert.deepEqual(parseFlacStreamInfo(header, 8), { ...parseFlacStreamInfo(file, 8), maxFrameBytes: 0 });
});

test('no rate, no samples or too few bytes are no description', () => {
  assert.equal(parseFlacStreamInfo(forgeStreamInfo(true, 0), 4), undefined);
  assert.equal(parseFlacStreamInfo(new Uint8Array(34), 0), undefined);
  assert.equal(parseFlacStreamInfo(forgeStreamInfo().subarray(0, 37), 4), undefined);
});
