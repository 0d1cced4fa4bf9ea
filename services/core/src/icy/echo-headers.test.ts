import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { streamInfoOf } from '../protocols/stream-info.ts';
import { echoHeaders } from './echo-headers.ts';

test('headers of a source come back as icy headers in alphabetical order', () => {
  const headers = new Map([
    ['ice-url', 'https://example.org/'],
    ['ice-public', '1'],
    ['ice-name', 'Radio One'],
    ['ice-genre', 'Jazz'],
    ['ice-description', 'All day'],
    ['ice-bitrate', '128'],
    ['ice-audio-info', 'channels=2;samplerate=44100'],
  ]);
  assert.deepEqual(echoHeaders(streamInfoOf(headers)), [
    ['ice-audio-info', 'channels=2;samplerate=44100'],
    ['icy-br', '128'],
    ['icy-description', 'All day'],
    ['icy-genre', 'Jazz'],
    ['icy-name', 'Radio One'],
    ['icy-pub', '1'],
    ['icy-url', 'https://example.org/'],
  ]);
});

test('what is not known is not said', () => {
  assert.deepEqual(echoHeaders({}), []);
  assert.deepEqual(echoHeaders({ public: false, name: '\r\n' }), [['icy-pub', '0']]);
});

test('no value can begin a header of its own or exceed 1 KiB', () => {
  const text = fc.string({ unit: 'binary', maxLength: 2000 });
  const info = fc.record({ name: text, description: text, genre: text, url: text, audioInfo: text });
  fc.assert(
    fc.property(info, (state) => {
      for (const [name, value] of echoHeaders({ ...state, name: `x\r\nSet-Cookie: a=${state.name}` })) {
        assert.doesNotMatch(value, /[\r\n\0]/, name);
        assert.ok(Buffer.byteLength(value) <= 1024);
      }
    }),
  );
});
