/** An ingest whose line to the store is slow tells edges of segments long before the store knows of them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingProgram } from '../programs.mjs';
import { countingFormats } from '../support/counting-frames.ts';
import type { CountingSource } from '../support/counting-source.ts';
import { comeOnAir, HlsWatcher, watchedAac } from '../support/hls-cluster.ts';
import { Fleet } from './fleet.ts';

const skip = missingProgram('nats-server', 'redis-server');
const windowS = 8;
const ini = `[Hls]\nSegmentDuration=1\nWindow=${windowS}\nPartDuration=0.25\nCounting=off`;
const kinds = [
  { mount: '/slow.aac', format: watchedAac },
  { mount: '/slow.mp3', format: countingFormats.mp3At128 },
] as const;

describe('HLS of a fleet in which one ingest is far from the store', { skip, timeout: 120_000 }, () => {
  let fleet: Fleet;
  const closers: (() => unknown)[] = [];

  before(async () => {
    fleet = await Fleet.start({ ingests: 2, edges: 2, control: false, ini, linked: ['ingest-1'] });
  });
  after(async () => {
    await Promise.all(closers.map((close) => close()));
    await fleet?.stop();
  });

  function keep<T extends CountingSource>(source: T): T {
    closers.push(() => source.destroy());
    return source;
  }

  // Within the lease, and for so long that it is lost.
  for (const { delayMs, awayMs } of [
    { delayMs: 300, awayMs: 0 },
    { delayMs: 700, awayMs: 1_500 },
  ]) {
    test(`no number is given out twice: ${delayMs} ms each way, its source away for ${awayMs} ms`, async (t) => {
      const [far, near] = fleet.ingests;
      const { store } = fleet.links.get('ingest-1')!;
      const watchers: HlsWatcher[] = [];
      const sources: CountingSource[] = [];
      for (const { mount: path, format } of kinds) {
        const mount = path.replace('.', `-${delayMs}.`);
        sources.push(keep(await comeOnAir(far!, mount, format, 1, 1_000)));
        const watcher = await new HlsWatcher(fleet.edges, mount, windowS).start();
        closers.push(() => watcher.stop());
        watchers.push(watcher);
      }
      await Promise.all(watchers.map((watcher) => watcher.advance(2)));
      store.delayMs = delayMs;
      await Promise.all(watchers.map((watcher) => watcher.advance(4)));
      await Promise.all(sources.map((source) => source.end()));
      await sleep(awayMs);
      for (const { mount: path, format } of kinds)
        keep(await comeOnAir(near!, path.replace('.', `-${delayMs}.`), format, 2));
      await Promise.all(watchers.map((watcher) => watcher.advance(3)));
      store.delayMs = 0;
      await Promise.all(watchers.map((watcher) => watcher.advance(3)));
      for (const watcher of watchers) {
        await watcher.stop();
        assert.deepEqual(watcher.problems, []);
        assert.ok(watcher.agreements > 10, `${watcher.agreements} answers were compared`);
        t.diagnostic(
          `${watcher.agreements} compared, ${watcher.discontinuities} discontinuities, ${watcher.gaps} gaps`,
        );
      }
    });
  }
});
