import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findSetting, mountSection, plainSections } from './setting-catalogue.ts';
import { describeExpected, formatSettingValue, parseSettingText } from './setting-text.ts';

function parse(path: string, text: string): unknown {
  const known = findSetting(path);
  assert.ok(known);
  return parseSettingText(known.setting.schema, text);
}

describe('reading a setting', () => {
  for (const [path, readings] of Object.entries({
    'streaming.linger': {
      '15': 15,
      '0.5': 0.5,
      '500ms': 0.5,
      '100ms': 0.1,
      '20 s': 20,
      '2m': 120,
      '1H': 3600,
      '': undefined,
      '-1': undefined,
      '5 days': undefined,
      '1e3': undefined,
      Infinity: undefined,
      '.5': undefined,
    },
    'streaming.bufferSize': {
      '65536': 65536,
      '64k': 65536,
      '64K': 65536,
      '1M': 1048576,
      '2 m': 2097152,
      '1.5k': undefined,
      '64kb': undefined,
      '-1': undefined,
      '': undefined,
    },
    'ssl.enabled': {
      true: true,
      Yes: true,
      ON: true,
      '1': true,
      false: false,
      no: false,
      Off: false,
      '0': false,
      '2': undefined,
      '': undefined,
      constructor: undefined,
    },
    'limits.maxSources': { '7': 7, '+7': 7, '-7': -7, '7.0': undefined, '0x10': undefined, '': undefined },
    'server.shoutcastPort': { auto: 'auto', OFF: 'off', '0': 0, '8001': 8001, on: undefined, '': undefined },
    'log.level': { info: 'info', WARN: 'warn', loud: undefined },
    'letsEncrypt.domains': { 'a.org, b.org ,': ['a.org', 'b.org'], '': [] },
    'auth.sourcePassword': { ' as it is ': ' as it is ' },
  })) {
    for (const [text, value] of Object.entries(readings)) {
      test(`${path} = ${JSON.stringify(text)}`, () => assert.deepEqual(parse(path, text), value));
    }
  }
});

test('every default reads back as it is written, and says what it takes', () => {
  for (const section of [...plainSections, mountSection]) {
    for (const { iniKey, schema } of section.settings) {
      const name = `[${section.iniName}] ${iniKey}`;
      assert.deepEqual(parseSettingText(schema, formatSettingValue(schema.default)), schema.default, name);
      assert.doesNotMatch(describeExpected(schema), /undefined/, name);
      assert.match(schema.description, /^[A-Z].*\.$/, `${name} has a description in sentences`);
    }
  }
});
