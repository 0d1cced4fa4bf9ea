import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadSettings } from './load-settings.ts';
import { inheritedMountSettings } from './mount-settings.ts';
import { mountSection, plainSections } from './setting-catalogue.ts';

const sample = readFileSync(new URL('../../../../deploy/legacystream.ini', import.meta.url), 'utf8');
const defaults = loadSettings({ env: {}, readFile: () => '' });

test('the sample file holds every setting with its default', () => {
  const { settings, origins, problems, warnings } = loadSettings({
    iniText: sample,
    env: {},
    readFile: () => '',
  });
  assert.deepEqual([problems, warnings], [[], []]);
  assert.deepEqual(settings, defaults.settings);
  for (const section of plainSections) {
    for (const { key } of section.settings)
      assert.equal(origins.get(`${section.name}.${key}`)?.layer, 'file', key);
  }
});

test('the sample’s mount, once switched on, holds every setting of a mount with its default', () => {
  const switchedOn = sample.replace(/^;(?! )/gm, '');
  const { settings, problems } = loadSettings({ iniText: switchedOn, env: {}, readFile: () => '' });
  assert.deepEqual(problems, []);
  const [mount] = settings.mounts;
  assert.equal(mount?.pattern, '/live.mp3');
  assert.deepEqual(mount.values, inheritedMountSettings(defaults.settings));
  assert.equal(Object.keys(mount.values).length, mountSection.settings.length);
});

test('no line of the sample is too long to read', () => {
  for (const line of sample.split('\n')) assert.ok(line.length <= 100, line);
});
