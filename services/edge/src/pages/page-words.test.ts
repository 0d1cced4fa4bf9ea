import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleMount } from '@legacystream/core/status/status-samples.ts';
import { describeAudio } from './describe-audio.ts';
import { hueOf, hues, renderDialArt } from './dial-art.ts';
import { html } from './html-template.ts';
import { safeLink } from './safe-link.ts';

test('the template escapes every value but what it made itself', () => {
  const inner = html`<b>${'<&>"\''}</b>`;
  assert.equal(
    html`<i a="${'"x"'}">${[inner, 1, false, undefined]}</i>`.toString(),
    '<i a="&quot;x&quot;"><b>&lt;&amp;&gt;&quot;&#39;</b>1</i>',
  );
});

test('only plain web addresses are linked', () => {
  assert.equal(safeLink('HTTPS://Radio.example/a b'), 'https://radio.example/a%20b');
  for (const address of [
    undefined,
    '',
    'radio.example',
    'javascript:alert(1)',
    '\u0001javascript:x',
    'java\nscript:x',
    'http:',
    'http://user:pw@bank.example/',
    'https://',
    'ftp://x/',
  ]) {
    assert.equal(safeLink(address), undefined, String(address));
  }
});

test('sound is described as far as it is known', () => {
  const audio = { bitrateKbps: 128.4, sampleRateHz: 22_050, channels: 1 };
  assert.deepEqual(describeAudio(sampleMount({ info: audio }).state), {
    codec: 'MP3',
    bitrate: '128 kbit/s',
    format: '22.05 kHz · mono',
  });
  assert.deepEqual(describeAudio(sampleMount({ codec: 'opaque' }).state), {
    codec: 'Audio',
    bitrate: '',
    format: '',
  });
  const webm = sampleMount({
    codec: 'matroska',
    contentType: 'audio/webm; codecs=opus',
    info: { channels: 6 },
  });
  assert.deepEqual(describeAudio(webm.state), { codec: 'WebM', bitrate: '', format: '6 channels' });
});

test('a stream always looks the same and streams look different', () => {
  const paths = Array.from({ length: 200 }, (_, n) => `/stream-${n}.mp3`);
  assert.equal(renderDialArt('/a').toString(), renderDialArt('/a').toString());
  assert.ok(new Set(paths.map((path) => renderDialArt(path).toString())).size > 190);
  assert.deepEqual(
    [...new Set(paths.map(hueOf))].sort((a, b) => a - b),
    Array.from({ length: hues }, (_, hue) => hue),
  );
});
