import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { loadSettings } from './load-settings.ts';
import { matchesTemplate, mountSettingsFor } from './mount-settings.ts';

function settingsOf(iniText: string, env: Record<string, string> = {}) {
  const { settings, problems } = loadSettings({ iniText, env, readFile: () => 'password of the file\n' });
  assert.deepEqual(problems, []);
  return settings;
}

describe('the settings of a mount', () => {
  test('an unknown mount has the defaults and what [Streaming] and [Auth] say', () => {
    const settings = settingsOf('[Streaming]\nLinger=1m\n[Auth]\nSourceUser=dj\nSourcePassword=in the clear');
    const mount = mountSettingsFor(settings, '/live.mp3');
    assert.equal(mount.declared, false);
    assert.equal(mount.linger, 60);
    assert.equal(mount.sourceTimeout, 10);
    assert.equal(mount.sourceUser, 'dj');
    assert.equal(mount.sourcePassword, 'in the clear');
    assert.equal(mount.takeover, 'auto');
  });

  test('inherited values follow the environment as well', () => {
    const settings = settingsOf('[Streaming]\nLinger=1m', { LEGACYSTREAM_STREAMING_LINGER: '3' });
    assert.equal(mountSettingsFor(settings, '/live.mp3').linger, 3);
  });

  test('the longer literal prefix wins over the shorter, the own section over all, whatever the order', () => {
    const settings = settingsOf(`
      [Mount /club/main.mp3]
      Name=own
      [Mount /club/*]
      Name=club
      Genre=club
      [Mount /*]
      Name=any
      Genre=any
      Url=http://any.example/
    `);
    const { name, genre, url, declared } = mountSettingsFor(settings, '/club/main.mp3');
    assert.deepEqual(
      { name, genre, url, declared },
      { name: 'own', genre: 'club', url: 'http://any.example/', declared: true },
    );
    assert.equal(mountSettingsFor(settings, '/club/a/b').name, 'club');
    assert.equal(mountSettingsFor(settings, '/club').name, 'any');
  });

  test('of templates with equal prefixes the later counts', () => {
    const settings = settingsOf('[Mount /a*.mp3]\nName=first\n[Mount /a*]\nName=second');
    assert.equal(mountSettingsFor(settings, '/ab.mp3').name, 'second');
  });

  test('a template declares nothing', () => {
    const settings = settingsOf('[Mount /*]\nHidden=yes');
    const mount = mountSettingsFor(settings, '/x');
    assert.deepEqual([mount.declared, mount.hidden], [false, true]);
  });

  test('paths are told apart by case, and are read like URLs', () => {
    const settings = settingsOf('[mount /Caf%C3%A9]\nName=coffee');
    assert.equal(mountSettingsFor(settings, '/Café').name, 'coffee');
    assert.equal(mountSettingsFor(settings, '/café').name, '');
  });

  test('the password file of a mount wins over the password of its template', () => {
    const settings = settingsOf(`
      [Mount /*]
      SourcePassword=template password
      [Mount /x]
      SourcePasswordFile=/run/secrets/x
    `);
    assert.equal(mountSettingsFor(settings, '/x').sourcePassword, 'password of the file');
    assert.equal(mountSettingsFor(settings, '/y').sourcePassword, 'template password');
  });
});

describe('templates', () => {
  for (const [pattern, path, matches] of [
    ['/*', '/a/b/c', true],
    ['/club/*', '/club/', true],
    ['/club/*', '/club', false],
    ['/*.mp3', '/a/b.mp3', true],
    ['/*.mp3', '/a.mp3.ogg', false],
    ['/a*b*c', '/a-b-b-c', true],
    ['/a*b*b', '/ab', false],
    ['/ab*ba', '/aba', false],
    ['/a.c*', '/abc', false],
    ['/a', '/a', true],
  ] as const) {
    test(`${pattern} ${matches ? 'covers' : 'does not cover'} ${path}`, () => {
      assert.equal(matchesTemplate(pattern, path), matches);
    });
  }

  test('a star stands for any characters, exactly as in a regular expression', () => {
    const text = (letters: string) => fc.string({ unit: fc.constantFrom(...letters), maxLength: 8 });
    fc.assert(
      fc.property(text('ab*'), text('ab'), (pattern, path) => {
        const judge = new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
        assert.equal(matchesTemplate(pattern, path), judge.test(path));
      }),
      { numRuns: 2000 },
    );
  });
});
