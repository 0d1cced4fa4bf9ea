/**
 * A client that trusts nothing walks the real server's playlists for over a minute, every second
 * and by blocking reloads beside, while sources come and go: no rule of RFC 8216bis is broken.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingProgram } from '../programs.mjs';
import { eventually } from '../support/eventually.ts';
import { PlaylistWalker } from '../support/hls/playlist-walker.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';

const encoders = {
  '/rules.aac': ['-c:a', 'aac', '-b:a', '96k', '-f', 'adts', '-content_type', 'audio/aac'],
  '/rules.mp3': ['-c:a', 'libmp3lame', '-b:a', '96k', '-f', 'mp3', '-content_type', 'audio/mpeg'],
  '/rules.opus': ['-c:a', 'libopus', '-b:a', '64k', '-f', 'ogg', '-content_type', 'audio/ogg'],
  '/rules.flac': ['-c:a', 'flac', '-f', 'flac', '-content_type', 'audio/flac'],
} as const;
const mounts = Object.keys(encoders) as (keyof typeof encoders)[];
const tone = ['-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000'];
const skip = missingProgram('ffmpeg');

let server: ServerProcess;
let sources: ProgramProcess[] = [];

function goOnAir(): void {
  sources = mounts.map((mount) => {
    const target = `icecast://source:${sourcePassword}@127.0.0.1:${server.httpPort}${mount}`;
    const args = ['-hide_banner', '-loglevel', 'error', ...tone, ...encoders[mount], target];
    return new ProgramProcess('ffmpeg', args);
  });
}

const leave = () => Promise.all(sources.map((source) => source.stop('SIGKILL')));

before(async () => {
  // A walker reads the multivariant playlist every second, and each would make it another listener.
  if (!skip) server = await ServerProcess.start({ ini: '[Hls]\nCounting=off' });
});
after(async () => {
  await leave();
  await server?.stop();
});

test('no rule is broken while sources leave and come back', { skip, timeout: 150_000 }, async (t) => {
  goOnAir();
  const walkers = await Promise.all(
    mounts.map(async (mount) => {
      const url = `${server.url}${mount}/playlist.m3u8`;
      await eventually(`${mount} is served`, async () => (await fetch(url)).status === 200, 20_000);
      return new PlaylistWalker(url);
    }),
  );
  for (const walker of walkers) walker.start();
  await sleep(20_000);
  for (const awayMs of [1_000, 9_000]) {
    for (const walker of walkers) walker.sourceIsAway = true;
    await leave();
    await sleep(awayMs);
    goOnAir();
    // A segment of the new source and what is said of it.
    await sleep(7_000);
    for (const walker of walkers) walker.sourceIsAway = false;
    await sleep(13_000);
  }
  for (const [i, walker] of walkers.entries()) {
    const { broken, renditions, requests } = await walker.stop();
    const [rendition] = renditions;
    assert.deepEqual(broken, [], `${mounts[i]} of ${requests} requests`);
    assert.equal(renditions.length, 1);
    assert.ok(rendition!.segments.length >= 10, `${rendition!.segments.length} segments`);
    t.diagnostic(`${mounts[i]}: ${requests} requests, ${rendition!.segments.length} segments`);
  }
});
