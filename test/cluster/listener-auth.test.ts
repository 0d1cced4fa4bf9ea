/**
 * HLS of mounts with `ListenerAuth` in a fleet: a player is asked about once and stays let in on
 * every edge, is reported once when it has gone, and nobody comes in by anything else.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingProgram } from '../programs.mjs';
import { AuthBackend, type AuthCall, acceptAll } from '../support/auth-backend.ts';
import type { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { askEdge, comeOnAir, type HlsReply, watchedAac } from '../support/hls-cluster.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { statusSources } from '../support/server-views.ts';
import { Fleet } from './fleet.ts';

const skip = missingProgram('nats-server', 'redis-server');
const [mount, other, members, free] = ['/url.aac', '/other.aac', '/members.aac', '/free.aac'] as const;
/** docs/hls.md: a session is over so long after its last playlist. */
const idleMs = 20_000;

const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });
const multivariantOf = (path: string) => `${path}/playlist.m3u8`;
const mediaOf = (path: string) => `${path}/hls/source/live.m3u8`;

/** The address of the media playlist that a multivariant playlist names. */
function linkOf(path: string, { body }: HlsReply): string {
  return `${path}/${body.toString().match(/^[^#\s].*$/m)?.[0] ?? ''}`;
}

describe('HLS of mounts with ListenerAuth', { skip, timeout: 180_000 }, () => {
  let folder: string;
  let backend: AuthBackend;
  let fleet: Fleet;
  let edges: ServerProcess[];
  let sources: CountingSource[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'legacystream-auth-'));
    const file = join(folder, 'listeners');
    await writeFile(file, `ann:${createHash('md5').update('ann-pw').digest('hex')}\n`);
    backend = await AuthBackend.start();
    const byUrl = `ListenerAuth=url\nListenerAddUrl=${backend.url}/add\nListenerRemoveUrl=${backend.url}/remove\n`;
    fleet = await Fleet.start({
      secured: true,
      control: false,
      ini: `[Hls]\nSegmentDuration=1\nWindow=8\n[Mount ${mount}]\n${byUrl}[Mount ${other}]\n${byUrl}[Mount ${members}]\nListenerAuth=htpasswd\nListenerPasswordFile=${file}\n`,
    });
    edges = fleet.edges;
    sources = await Promise.all(
      [mount, other, members, free].map((path, id) =>
        comeOnAir(fleet.ingests[0]!, path, watchedAac, id, 1_000),
      ),
    );
    for (const edge of edges)
      await eventually(
        'there is HLS',
        async () => (await askEdge(edge, multivariantOf(free))).status === 200,
        20_000,
      );
  });
  after(async () => {
    for (const source of sources) source.destroy();
    await fleet?.stop();
    await backend?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    backend.answer = acceptAll;
    backend.calls.length = 0;
  });

  /** Asks the edges in turn until `untilMs`. @returns the statuses that were answered */
  async function follow(link: string, forMs: number, headers = {}): Promise<number[]> {
    const seen = new Set<number>();
    const untilMs = performance.now() + forMs;
    for (let turn = 0; performance.now() < untilMs; turn += 1) {
      const reply = await askEdge(edges[turn % edges.length]!, link, headers);
      seen.add(reply.status);
      await sleep(100);
    }
    return [...seen];
  }

  test('a player is asked about once, let in on every edge, counted once, reported once', async () => {
    const agent = { 'user-agent': 'Player/1' };
    const answer = await askEdge(edges[0]!, `${multivariantOf(mount)}?key=a%20b`, {
      ...agent,
      ...basic('ann:x'),
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['cache-control'], 'private, no-store');
    const link = linkOf(mount, answer);
    assert.deepEqual(await follow(link, 4_000, agent), [200]);
    for (const edge of edges) {
      const reply = await askEdge(edge, link, agent);
      assert.equal(reply.headers['cache-control'], 'private, no-store');
      assert.equal(
        (await askEdge(edge, `${link}&_HLS_skip=YES`, agent)).headers['cache-control'],
        'private, no-store',
      );
      const segment = reply.body.toString().match(/^[^#\s].*$/m)![0]!;
      assert.equal((await askEdge(edge, `${mount}/hls/source/${segment}`)).status, 200);
      await eventually(
        'it is counted once',
        async () => (await statusSources(edge)).get(mount)?.['listeners'] === 1,
      );
    }
    const [added, ...more] = backend.of('listener_add');
    assert.equal(more.length, 0);
    assert.equal(added!.fields.get('mount'), `${mount}?key=a%20b`);
    assert.equal(added!.fields.get('user'), 'ann');
    const listed = await (await edges[0]!.admin(`/admin/listclients?mount=${mount}`)).text();
    assert.match(
      listed,
      new RegExp(`id="?${added!.fields.get('client')}|<ID>${added!.fields.get('client')}<`, 'i'),
    );
    const [gone] = await backend.until('listener_remove', 1, idleMs + 10_000);
    assert.equal(gone!.fields.get('client'), added!.fields.get('client'));
    const seconds = Number(gone!.fields.get('duration'));
    assert.ok(seconds >= 3 && seconds < 10, `${seconds} s`);
    assert.equal(backend.of('listener_remove').length, 1);
  });

  test('nothing else is a way in', async () => {
    backend.answer = (call, response) =>
      call.fields.get('user') === 'ann' ? acceptAll(call, response) : void response.end();
    const wordOf = (link: string) => link.split('?s=')[1]!;
    const good = wordOf(linkOf(mount, await askEdge(edges[0]!, multivariantOf(mount), basic('ann:x'))));
    const ofOther = wordOf(linkOf(other, await askEdge(edges[0]!, multivariantOf(other), basic('ann:x'))));
    const ofFree = wordOf(linkOf(free, await askEdge(edges[0]!, multivariantOf(free))));
    const last = good.at(-5) === 'A' ? 'B' : 'A';
    const forged = [
      ...[ofOther, ofFree, good.slice(0, 27), `${good}A`, good.slice(0, -1), ''],
      `${good.slice(0, -5)}${last}${good.slice(-4)}`,
      `${good.slice(0, 17)}${good[17] === 'A' ? 'B' : 'A'}${good.slice(18)}`,
    ];
    for (const edge of edges) {
      assert.equal((await askEdge(edge, `${mediaOf(mount)}?s=${good}`)).status, 200);
      for (const word of forged) {
        const reply = await askEdge(edge, `${mediaOf(mount)}?s=${word}`);
        assert.equal(reply.status, 401, word);
        assert.match(reply.headers['www-authenticate'] ?? '', /^Basic realm=/);
        assert.equal(reply.headers['cache-control'], 'no-store');
      }
      assert.equal((await askEdge(edge, multivariantOf(mount))).status, 401);
      assert.equal((await askEdge(edge, multivariantOf(mount), basic('eve:x'))).status, 401);
      // One of a mount with authentication, too, tells listeners of a free one apart.
      assert.equal((await askEdge(edge, `${mediaOf(free)}?s=${ofFree}`)).status, 200);
    }
  });

  test('who has no word is asked about once by each edge', async () => {
    const who = { 'user-agent': 'Plain/1', ...basic('ann:x') };
    assert.deepEqual(await follow(mediaOf(mount), 3_000, who), [200]);
    assert.equal(backend.of('listener_add').length, edges.length);
    backend.answer = (_call, response) => void response.end();
    assert.deepEqual(await follow(mediaOf(mount), 500, { ...who, ...basic('eve:x') }), [401]);
    assert.deepEqual(await follow(mediaOf(mount), 500, { ...who, 'user-agent': 'Plain/2' }), [401]);
  });

  test('the time that the back end gives ends it on every edge', async () => {
    backend.answer = (_call, response) =>
      void response.writeHead(200, { 'icecast-auth-user': '1', 'icecast-auth-timelimit': '4' }).end();
    const asked = performance.now();
    const link = linkOf(mount, await askEdge(edges[1]!, multivariantOf(mount)));
    backend.answer = (_call, response) => void response.end();
    assert.deepEqual(await follow(link, 2_000), [200]);
    const id = backend.of('listener_add')[0]!.fields.get('client');
    // Those of the tests before may be over just now.
    const isIts = ({ fields }: AuthCall) => fields.get('client') === id;
    const gone = await eventually('it is reported', () => backend.of('listener_remove').find(isIts), 5_000);
    const tookMs = gone.atMs - asked;
    assert.ok(tookMs > 3_500 && tookMs < 5_500, `${tookMs} ms`);
    await sleep(1_000);
    assert.deepEqual(await follow(link, 1_000), [401]);
  });

  test('a file of passwords guards playlists as it guards streams', async () => {
    assert.equal((await askEdge(edges[0]!, multivariantOf(members))).status, 401);
    assert.equal((await askEdge(edges[0]!, multivariantOf(members), basic('ann:wrong'))).status, 401);
    const answer = await askEdge(edges[0]!, multivariantOf(members), basic('ann:ann-pw'));
    assert.equal(answer.status, 200);
    assert.deepEqual(await follow(linkOf(members, answer), 1_000), [200]);
    assert.deepEqual(await follow(mediaOf(members), 500), [401]);
    assert.deepEqual(backend.calls, []);
  });

  test('an edge that goes reports those whom it asked about, and their words stay good', async () => {
    const link = linkOf(mount, await askEdge(edges[1]!, multivariantOf(mount)));
    assert.equal((await askEdge(edges[1]!, link)).status, 200);
    const client = backend.of('listener_add')[0]!.fields.get('client');
    const leaving = edges.pop()!;
    assert.equal(await leaving.stop(), 0);
    assert.ok(backend.of('listener_remove').some(({ fields }) => fields.get('client') === client));
    assert.deepEqual(await follow(link, 1_000), [200]);
    assert.equal(backend.of('listener_add').length, 1);
  });
});
