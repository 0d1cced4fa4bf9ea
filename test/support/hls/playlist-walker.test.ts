import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { applyChange, type HlsChange, type HlsWindow, nextMsn } from '@legacystream/core/hls/hls-window.ts';
import { liveEnd, renderMediaPlaylist } from '@legacystream/core/hls/media-playlist.ts';
import { renderMultivariantPlaylist } from '@legacystream/core/hls/multivariant-playlist.ts';
import {
  contentTypeOfResource,
  initName,
  partName,
  segmentName,
} from '@legacystream/core/hls/resource-name.ts';
import { eventually } from '../eventually.ts';
import { PlaylistWalker, type WalkerOptions } from './playlist-walker.ts';

const init = Uint8Array.of(1, 2, 3);
const playlistType = 'application/vnd.apple.mpegurl';
const partEveryMs = 20;

type Answer = { status: number; headers: Record<string, string>; body: Uint8Array | string };
/** What is otherwise than a good origin would answer. */
type Fault = (name: string, body: string) => Partial<Answer>;

/** A small origin whose seconds are short, so that a test need not wait for real ones. */
class HastyOrigin {
  window: HlsWindow = {
    container: 'fmp4',
    extension: 'm4s',
    codecs: 'Opus',
    targetDurationS: 4,
    partTargetS: 1,
    windowS: 40,
    epoch: 7,
    revision: 0,
    firstMsn: 100,
    discontinuitySequence: 3,
    segments: [],
    open: undefined,
    titles: [],
  };
  readonly fault: Fault;
  readonly url: string;
  readonly #media = new Map<string, Uint8Array>([[initName(init), init]]);
  readonly #waiting = new Set<() => void>();
  #made = 0;

  private constructor(t: TestContext, port: number, fault: Fault) {
    this.url = `http://127.0.0.1:${port}/live/playlist.m3u8`;
    this.fault = fault;
    for (let i = 0; i < 30; i += 1) this.#makePart();
    const timer = setInterval(() => this.#makePart(), partEveryMs);
    t.after(() => clearInterval(timer));
  }

  static async begin(t: TestContext, fault: Fault = () => ({})): Promise<HastyOrigin> {
    const server = createServer((request, response) => void origin.#answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = new HastyOrigin(t, (server.address() as AddressInfo).port, fault);
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return origin;
  }

  #change(change: HlsChange): void {
    this.window = applyChange(this.window, change);
  }

  #makePart(): void {
    const msn = nextMsn(this.window);
    const index = this.window.open?.parts.length ?? 0;
    const data = new Uint8Array(50).fill(this.#made);
    const pdtMs = Date.UTC(2026, 0, 1) + this.#made * 1000;
    const start = { epoch: 7, pdtMs, discontinuity: false, init: initName(init) };
    this.#made += 1;
    this.#media.set(partName(7, msn, index, 'm4s'), data);
    this.#change({ type: 'part', part: { durationS: 1, bytes: 50 }, ...(index === 0 && { start }) });
    if (index === 3) {
      const parts = [0, 1, 2, 3].map((part) => this.#media.get(partName(7, msn, part, 'm4s'))!);
      this.#media.set(segmentName(7, msn, 'm4s'), Buffer.concat(parts));
      this.#change({ type: 'segment' });
    }
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  async #until(isThere: () => boolean): Promise<void> {
    while (!isThere()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.url);
    const name = url.pathname.split('/').at(-1)!;
    const answer: Answer = {
      status: 200,
      headers: { 'content-type': playlistType, 'access-control-allow-origin': '*' },
      body: '',
    };
    if (name === 'playlist.m3u8') {
      answer.body = renderMultivariantPlaylist([{ uri: 'hls/live.m3u8', window: this.window }]);
    } else if (name === 'live.m3u8') {
      const asked = url.searchParams.get('_HLS_msn');
      const [msn, part] = [Number(asked), Number(url.searchParams.get('_HLS_part') ?? 9)];
      await this.#until(() => {
        const end = liveEnd(this.window);
        return asked === null || end.msn > msn || (end.msn === msn && end.part >= part);
      });
      answer.body = renderMediaPlaylist(this.window, { skip: url.searchParams.has('_HLS_skip') });
    } else {
      const [, msn, part] = /-(\d+)\.(\d+)\./.exec(name) ?? [];
      // Asked for as a hint, a part is waited for.
      if (msn !== undefined && !this.#media.has(name))
        await this.#until(
          () => this.#media.has(name) || nextMsn(this.window) > Number(msn) || Number(part) > 3,
        );
      const media = this.#media.get(name);
      answer.status = media ? 200 : 404;
      answer.headers['content-type'] = contentTypeOfResource(name);
      answer.headers['cache-control'] = 'public, max-age=31536000, immutable';
      answer.body = media ?? '';
    }
    const fault = this.fault(name, String(answer.body));
    const headers = { ...answer.headers, ...fault.headers };
    response.writeHead(fault.status ?? answer.status, headers).end(fault.body ?? answer.body);
  }
}

async function walk(origin: HastyOrigin, options: WalkerOptions = {}, segments = 20) {
  const walker = new PlaylistWalker(origin.url, { everyMs: 30, ...options });
  walker.start();
  await eventually(
    'it has walked for a while',
    () => (walker.renditions[0]?.segments.length ?? 0) >= segments,
  );
  return walker.stop();
}

test('of an origin that keeps the rules there is nothing to tell, and all its media is had', async (t) => {
  const findings = await walk(await HastyOrigin.begin(t));
  assert.deepEqual(findings.broken, []);
  const [rendition] = findings.renditions;
  const { segments, deltas, comparedParents, parts, holdsMs, partIntervalsMs, playlists } = rendition!;
  assert.deepEqual(
    segments.map(({ msn }) => msn),
    segments.map((_, i) => segments[0]!.msn + i),
  );
  // What was listed last may not have come before the end.
  for (const { data, init: map, uri } of segments.slice(0, -2)) {
    assert.equal(data?.byteLength, 200, uri);
    assert.deepEqual(Uint8Array.from(map!), init);
  }
  assert.ok(deltas > 10, `${deltas} deltas of ${playlists} playlists`);
  assert.ok(comparedParents > 5 && parts > 40, `${comparedParents} parents, ${parts} parts`);
  assert.ok(holdsMs.length > 10 && partIntervalsMs.length > 10);
});

test('what it keeps is bounded, what it checks is not', async (t) => {
  const findings = await walk(await HastyOrigin.begin(t), { maxBytes: 1000 });
  assert.deepEqual(findings.broken, []);
  assert.ok(findings.keptBytes <= 1000 && findings.unkeptBytes > 1000);
});

test('without blocking it asks at intervals alone', async (t) => {
  const findings = await walk(await HastyOrigin.begin(t), { blocks: false });
  assert.deepEqual(findings.broken, []);
  assert.deepEqual(findings.renditions[0]!.holdsMs, []);
  assert.equal(findings.renditions[0]!.deltas, 0);
});

const isSegment = (name: string) => /^7-\d+\.m4s$/.test(name);
const isPart = (name: string) => /^7-\d+\.\d+\.m4s$/.test(name);
const isMedia = (name: string) => name === 'live.m3u8';
const only = (isMeant: (name: string) => boolean, change: Partial<Answer>): Fault => {
  return (name) => (isMeant(name) ? change : {});
};
const edit = (isMeant: (name: string) => boolean, from: string | RegExp, to: string): Fault => {
  return (name, body) => (isMeant(name) ? { body: body.replace(from, to) } : {});
};
const typed = (type: string) => ({ headers: { 'content-type': type } });

/** Durations of complete segments differ from answer to answer. */
function changing(): Fault {
  let turn = 0;
  return (name, body) => {
    turn = (turn + 1) % 9;
    return isMedia(name) ? { body: body.replace('EXTINF:4,', `EXTINF:4.${turn},`) } : {};
  };
}

const faults: readonly (readonly [what: string, rule: RegExp, fault: Fault])[] = [
  ['a segment that is not there', /^listed is downloadable/, only(isSegment, { status: 404 })],
  ['an empty part', /^body/, only(isPart, { body: '' })],
  ['parts that are not the parent', /^parent and parts/, only(isSegment, { body: Buffer.alloc(200, 9) })],
  ['a media type of another kind', /^Content-Type/, only(isPart, typed('text/plain'))],
  ['a playlist as text', /^Content-Type/, only(isMedia, typed('text/plain'))],
  [
    'media that may not be kept',
    /^Cache-Control/,
    only(isPart, { headers: { 'cache-control': 'no-store' } }),
  ],
  ['no word for other origins', /^CORS/, only(isPart, { headers: { 'access-control-allow-origin': '' } })],
  ['a playlist that is none', /^syntax/, edit(isMedia, /$/, '#EXT-X-OTHER\n')],
  ['a multivariant playlist that is none', /^syntax/, edit((name) => name === 'playlist.m3u8', /$/, 'x')],
  ['a broken rule of one playlist', /^CAN-SKIP-UNTIL/, edit(isMedia, 'UNTIL=24', 'UNTIL=20')],
  ['a segment that changes', /^segments do not change/, changing()],
  [
    'deltas that skip too little',
    /^(?:delta|segments do not change)/,
    edit(isMedia, /SEGMENTS=\d+/, 'SEGMENTS=2'),
  ],
  ['an error in place of a playlist', /^status/, only(isMedia, { status: 500 })],
];

for (const [what, rule, fault] of faults) {
  test(`it tells of ${what}`, async (t) => {
    const origin = await HastyOrigin.begin(t, fault);
    const walker = new PlaylistWalker(origin.url, { everyMs: 30 });
    walker.start();
    try {
      await eventually(`${rule} is told`, () => walker.broken.some((broken) => rule.test(broken)));
    } finally {
      await walker.stop();
    }
  });
}

test('it tells of a server that is not there, and ends at once all the same', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const walker = new PlaylistWalker(`http://127.0.0.1:${port}/playlist.m3u8`, { everyMs: 20 });
  walker.start();
  await eventually('it is told', () => walker.broken.some((broken) => broken.startsWith('connection')));
  assert.equal((await walker.stop()).renditions.length, 0);
});
