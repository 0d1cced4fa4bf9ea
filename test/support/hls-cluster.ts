/**
 * What several edges say of one HLS rendition, held against each other: a watcher asks all of
 * them again and again for the media playlist, fetches every name that any of them lists from
 * every one, and notes whatever is not the same, is missing, or goes back (RFC 8216bis §6.2).
 */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CountingFormat } from './counting-frames.ts';
import { CountingSource } from './counting-source.ts';
import { eventually } from './eventually.ts';
import {
  followingMsn,
  type MediaPlaylist,
  readMediaPlaylist,
  type SegmentHead,
} from './hls/playlist-reader.ts';
import { checkPlaylist, checkSuccession, listedUris } from './hls/playlist-rules.ts';
import type { ServerProcess } from './server-process.ts';

export type HlsReply = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

export type HlsEdge = Pick<ServerProcess, 'httpPort'>;

/** 128 kb/s or so, so that many fit: AAC LC at 48 kHz whose frames can be told apart. */
export const watchedAac: CountingFormat = {
  contentType: 'audio/aac',
  header: Uint8Array.of(0xff, 0xf1, (1 << 6) | (3 << 2), 2 << 6, 360 >> 3, 0x1f, 0xfc),
  frameBytes: 360,
  frameMs: 1024 / 48,
};

const askEveryMs = 250;
const answerMs = 10_000;
const maxProblems = 40;
/** Answers that are remembered, to be the same wherever they are given again. */
const maxAnswers = 2_000;
const agent = new Agent({ keepAlive: true });

export async function askEdge(
  edge: HlsEdge,
  path: string,
  headers: Record<string, string> = {},
): Promise<HlsReply> {
  const asking = ask(edge, path, headers, agent);
  // As every client does: the server may have closed a connection that had long been idle.
  return asking.catch((error: unknown) => {
    if ((error as { wasReused?: boolean }).wasReused) return ask(edge, path, headers, false);
    throw error;
  });
}

function ask(
  edge: HlsEdge,
  path: string,
  headers: Record<string, string>,
  via: Agent | false,
): Promise<HlsReply> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: edge.httpPort, path, headers, agent: via, timeout: answerMs };
    const asked = request(options, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) }),
      );
    });
    asked.on('timeout', () => asked.destroy(new Error(`${path} timed out`)));
    asked.on('error', (error: NodeJS.ErrnoException) => {
      const wasReused = asked.reusedSocket && error.code === 'ECONNRESET';
      reject(Object.assign(error, { wasReused }));
    });
    asked.end();
  });
}

/** Goes on air as soon as it is let in, as an encoder that keeps trying. */
export function comeOnAir(
  server: HlsEdge,
  mount: string,
  format: CountingFormat,
  id: number,
  headStartMs = 0,
): Promise<CountingSource> {
  const start = () => CountingSource.start({ port: server.httpPort, mount, format, id, headStartMs });
  return eventually(`source ${id} of ${mount} is let in`, () => start().catch(() => undefined), 15_000);
}

type Resource = {
  readonly body: Buffer;
  readonly isSegment: boolean;
  lastListedMs: number;
  isChecked: boolean;
};
type Answer = { readonly body: Buffer; readonly etag: string | undefined };
type Follower = {
  readonly edge: HlsEdge;
  playlist?: MediaPlaylist;
  head: string;
  movedMs: number;
  /** What it has been asked for. */
  readonly asked: Set<string>;
};

export class HlsWatcher {
  /** What was wrong, in order; empty is good. */
  readonly problems: string[] = [];
  /** Answers that were the same as one of another edge. */
  agreements = 0;
  /** Longest time for which an edge that answers listed nothing new, since {@link mark}. */
  longestPauseMs = 0;
  readonly #path: string;
  readonly #windowS: number;
  #followers: Follower[] = [];
  readonly #resources = new Map<string, Resource>();
  readonly #segments = new Map<number, SegmentHead & { readonly uri?: string }>();
  readonly #answers = new Map<string, Answer & { readonly edge: HlsEdge }>();
  readonly #fetches = new Set<Promise<void>>();
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  /** @param windowS as the servers are configured */
  constructor(edges: readonly HlsEdge[], mount: string, windowS: number) {
    this.#path = `${mount}/hls/source/`;
    this.#windowS = windowS;
    for (const edge of edges) this.add(edge);
  }

  /** Begins when all edges know the mount and list a segment. */
  async start(): Promise<this> {
    for (const { edge } of this.#followers) {
      await eventually(
        `${this.#path} is listed on port ${edge.httpPort}`,
        async () => (await askEdge(edge, `${this.#path}live.m3u8`)).status === 200,
        20_000,
      );
    }
    this.mark();
    this.#running = this.#run();
    return this;
  }

  add(edge: HlsEdge): void {
    this.#followers.push({ edge, head: '', movedMs: performance.now(), asked: new Set() });
  }

  remove(edge: HlsEdge): void {
    this.#followers = this.#followers.filter((follower) => follower.edge !== edge);
  }

  mark(): void {
    this.longestPauseMs = 0;
    for (const follower of this.#followers) follower.movedMs = performance.now();
  }

  /** What an edge listed last. */
  playlistOf(edge: HlsEdge): MediaPlaylist | undefined {
    return this.#followers.find((follower) => follower.edge === edge)?.playlist;
  }

  /** Waits until every edge lists so many complete segments beyond those listed now. */
  async advance(segments: number, timeoutMs = 20_000): Promise<void> {
    const ends = this.#followers.map(({ playlist }) => (playlist ? followingMsn(playlist) : 0));
    const goal = Math.max(...ends) + segments;
    await eventually(
      `every edge of ${this.#path} lists segment ${goal}`,
      () => this.#followers.every(({ playlist }) => playlist && followingMsn(playlist) > goal),
      timeoutMs,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.problems.join('\n')}`);
    });
  }

  /** Discontinuities of all that was ever listed. */
  get discontinuities(): number {
    return [...this.#segments.values()].filter(({ isDiscontinuity }) => isDiscontinuity).length;
  }

  /** Segments that stand for time only. */
  get gaps(): number {
    return [...this.#segments.values()].filter(({ isGap }) => isGap).length;
  }

  /** The frames of every segment that was listed, in the order of the list. */
  frames(): { readonly source: number; readonly number: number }[] {
    const inOrder = [...this.#segments].sort(([a], [b]) => a - b);
    return inOrder.flatMap(([, { uri }]) => {
      const body = uri === undefined ? undefined : this.#resources.get(uri)?.body;
      return body ? labelsIn(body) : [];
    });
  }

  /** The frames of everything that was ever given, parts as well. */
  allFrames(): { readonly source: number; readonly number: number }[] {
    return [...this.#resources.values()].flatMap(({ body }) => labelsIn(body));
  }

  /** Ends, and asks once more for all that has to be there still. */
  async stop(): Promise<void> {
    if (this.#isStopped) return this.#running;
    this.#isStopped = true;
    await this.#running;
    await this.#checkLeft(true);
    await Promise.all(this.#fetches);
    this.#checkDivision();
    this.#checkFrames();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const startedMs = performance.now();
      await Promise.all(
        this.#followers.map((follower) =>
          this.#visit(follower).catch((error: unknown) =>
            this.#say(`${follower.edge.httpPort}: ${String(error)}`),
          ),
        ),
      );
      await this.#checkLeft(false);
      await sleep(Math.max(0, askEveryMs - (performance.now() - startedMs)));
    }
  }

  async #visit(follower: Follower): Promise<void> {
    const path = `${this.#path}live.m3u8`;
    const { edge } = follower;
    const [plain, zipped] = await Promise.all([
      askEdge(edge, path).catch((error: unknown) => this.#unanswered(follower, error)),
      askEdge(edge, path, { 'Accept-Encoding': 'gzip' }).catch(() => undefined),
    ]);
    if (!plain || !this.#followers.includes(follower)) return;
    if (plain.status !== 200) return this.#say(`${plain.status} for the playlist from ${edge.httpPort}`);
    this.#read(follower, plain);
    if (zipped?.status === 200) this.#compareZipped(edge, zipped);
  }

  #unanswered(follower: Follower, error: unknown): undefined {
    if (this.#followers.includes(follower))
      this.#say(`no answer from ${follower.edge.httpPort}: ${String(error)}`);
    return undefined;
  }

  #read(follower: Follower, reply: HlsReply): void {
    const { edge, playlist: before } = follower;
    const playlist = readMediaPlaylist(reply.body.toString());
    const head = headOf(playlist);
    this.#compare(edge, `${head}`, reply, 'plain');
    for (const rule of checkPlaylist(playlist)) this.#say(`${edge.httpPort}: ${rule}`);
    if (before) {
      for (const rule of checkSuccession(before, playlist, 0, { sourceWasAway: true }))
        this.#say(`${edge.httpPort}: ${rule}`);
    }
    follower.playlist = playlist;
    const nowMs = performance.now();
    this.longestPauseMs = Math.max(this.longestPauseMs, nowMs - follower.movedMs);
    if (head !== follower.head) follower.movedMs = nowMs;
    follower.head = head;
    for (const segment of playlist.segments) this.#note(segment, edge);
    if (playlist.open) this.#note(playlist.open, edge);
    // What a completed segment is a gap of may have parts that were there before.
    const gaps = new Set<string | undefined>();
    for (const { uri, isGap, parts } of playlist.segments) {
      if (isGap) gaps.add(uri);
      for (const part of parts) if (part.isGap) gaps.add(part.uri);
    }
    for (const uri of listedUris(playlist)) {
      if (gaps.has(uri)) continue;
      const known = this.#resources.get(uri);
      if (known) known.lastListedMs = nowMs;
      // What one lists is asked of all at once.
      for (const other of this.#followers) this.#fetch(other, uri);
    }
  }

  /** Every edge says the same of a segment, at all times. */
  #note(segment: SegmentHead & { readonly uri?: string }, { httpPort }: HlsEdge): void {
    const { msn } = segment;
    const known = this.#segments.get(msn);
    if (!known) return void this.#segments.set(msn, segment);
    for (const field of ['pdtMs', 'isDiscontinuity', 'discontinuitySequence'] as const) {
      if (known[field] !== segment[field])
        this.#say(`${httpPort}: ${field} of segment ${msn} is ${segment[field]}, was ${known[field]}`);
    }
    if (known.uri !== undefined && segment.uri !== undefined && known.uri !== segment.uri)
      this.#say(`${httpPort}: segment ${msn} is ${segment.uri}, was ${known.uri}`);
    const [fewer, more] =
      known.parts.length <= segment.parts.length
        ? [known.parts, segment.parts]
        : [segment.parts, known.parts];
    fewer.forEach(({ uri, durationS }, i) => {
      if (uri !== more[i]!.uri || durationS !== more[i]!.durationS)
        this.#say(
          `${httpPort}: part ${uri} of ${durationS} s is ${more[i]!.uri} of ${more[i]!.durationS} s too`,
        );
    });
    // A complete segment that still lists parts lists all of them.
    for (const [complete, other] of [
      [known, segment],
      [segment, known],
    ] as const) {
      if (
        complete.uri !== undefined &&
        complete.parts.length > 0 &&
        other.parts.length > complete.parts.length
      )
        this.#say(
          `${httpPort}: segment ${msn} has ${complete.parts.length} parts, ${other.parts.length} were listed`,
        );
    }
    this.#segments.set(msn, {
      ...known,
      ...segment,
      ...(known.uri !== undefined && { uri: known.uri }),
      isGap: known.isGap || segment.isGap,
      parts: more,
    });
  }

  #compareZipped(edge: HlsEdge, reply: HlsReply): void {
    if (reply.headers['content-encoding'] !== 'gzip') return this.#say(`${edge.httpPort}: not compressed`);
    // Its tag names the moment, as the plain one's does.
    this.#compare(edge, `gzip ${String(reply.headers.etag)}`, reply, 'compressed');
  }

  #compare(edge: HlsEdge, key: string, { body, headers }: HlsReply, what: string): void {
    const known = this.#answers.get(key);
    const { etag } = headers;
    if (!known) {
      this.#answers.set(key, { body, etag, edge });
      const [oldest] = this.#answers.keys();
      if (this.#answers.size > maxAnswers && oldest !== undefined) this.#answers.delete(oldest);
      return;
    }
    if (!known.body.equals(body) || known.etag !== etag)
      this.#say(
        `${what} playlists differ at ${key}:\n${differenceOf(known.body.toString(), body.toString())}`,
      );
    else if (known.edge !== edge) this.agreements += 1;
  }

  #fetch(follower: Follower, uri: string): void {
    if (follower.asked.has(uri)) return;
    follower.asked.add(uri);
    const fetch = this.#fetchFrom(follower, uri).finally(() => this.#fetches.delete(fetch));
    this.#fetches.add(fetch);
  }

  async #fetchFrom(follower: Follower, uri: string): Promise<void> {
    const reply = await askEdge(follower.edge, `${this.#path}${uri}`).catch(() => undefined);
    if (!this.#followers.includes(follower)) return;
    const { httpPort } = follower.edge;
    if (reply?.status !== 200) return this.#say(`${reply?.status ?? 'nothing'} for ${uri} from ${httpPort}`);
    const { body } = reply;
    const known = this.#resources.get(uri)?.body;
    if (known && !known.equals(body))
      this.#say(`${uri} differs: ${known.byteLength} and from ${httpPort} ${body.byteLength} bytes`);
    if (known) return;
    const isSegment = /^[0-9a-z]+-\d+\.(?:m4s|mp3|aac)$/.test(uri);
    this.#resources.set(uri, { body, isSegment, lastListedMs: performance.now(), isChecked: false });
  }

  /** A segment that left the list is there for its duration and the window (RFC 8216bis §6.2.2). */
  async #checkLeft(atLast: boolean): Promise<void> {
    const nowMs = performance.now();
    const dueMs = (this.#windowS + 1) * 1000;
    await Promise.all(
      [...this.#resources].map(async ([uri, resource]) => {
        const leftMs = nowMs - resource.lastListedMs;
        if (!resource.isSegment || resource.isChecked || leftMs > dueMs) return;
        if (leftMs < dueMs - 2 * askEveryMs && !atLast) return;
        resource.isChecked = true;
        for (const follower of [...this.#followers]) {
          const { edge } = follower;
          const reply = await askEdge(edge, `${this.#path}${uri}`).catch(() => undefined);
          if (!this.#followers.includes(follower)) continue;
          if (reply?.status !== 200)
            this.#say(
              `${reply?.status ?? 'nothing'} for ${uri} from ${edge.httpPort} ${Math.round(leftMs)} ms after it left`,
            );
          else if (!reply.body.equals(resource.body))
            this.#say(`${uri} is another one ${Math.round(leftMs)} ms after it left`);
        }
      }),
    );
  }

  /** Parts are the pieces of their segment, from its beginning on. */
  #checkDivision(): void {
    for (const { uri, parts } of this.#segments.values()) {
      const whole = uri === undefined ? undefined : this.#resources.get(uri)?.body;
      if (!whole || parts.length === 0) continue;
      const pieces = parts.map((part) => this.#resources.get(part.uri)?.body);
      if (pieces.some((piece) => piece === undefined)) continue;
      const listed = Buffer.concat(pieces as Buffer[]);
      if (!whole.subarray(0, listed.byteLength).equals(listed))
        this.#say(`${uri} does not begin with the parts that were listed`);
    }
  }

  /** Within what one connection of the source sent nothing is missing, twice or out of order. */
  #checkFrames(): void {
    const frames = this.frames();
    frames.forEach(({ source, number }, i) => {
      const before = frames[i - 1];
      if (before?.source === source && number !== before.number + 1)
        this.#say(`frame ${number} of source ${source} follows ${before.number}`);
    });
  }

  #say(problem: string): void {
    if (this.problems.length < maxProblems)
      this.problems.push(`${(performance.now() / 1000).toFixed(2)} ${this.#path}${problem}`);
  }
}

/** Tells one moment of a rendition from any other, without looking at what is listed. */
function headOf({ mediaSequence, segments, open, dateRanges, preloadHints, isEnded }: MediaPlaylist): string {
  const last = open?.parts.at(-1)?.uri ?? segments.at(-1)?.uri ?? '';
  return [mediaSequence, segments.length, last, preloadHints[0]?.uri ?? '', dateRanges.length, isEnded].join(
    ' ',
  );
}

function differenceOf(a: string, b: string): string {
  const [one, other] = [a.split('\n'), b.split('\n')];
  const at = one.findIndex((line, i) => line !== other[i]);
  return `line ${at + 1}: ${one[at]}\nline ${at + 1}: ${other[at]}`;
}

/** The counting frames (counting-frames.ts) in a segment, whatever it is wrapped in. */
function labelsIn(data: Buffer): { source: number; number: number }[] {
  const found: { source: number; number: number }[] = [];
  const digits = 12;
  for (let i = 0; i + digits + 8 <= data.byteLength; i += 1) {
    let isLabel = true;
    for (let j = 0; j < digits && isLabel; j += 1) isLabel = data[i + j]! >> 4 === 1;
    if (!isLabel) continue;
    const value = (from: number, to: number) =>
      data.subarray(i + from, i + to).reduce((sum, byte) => sum * 16 + (byte & 15), 0);
    const label = { source: value(0, 4), number: value(4, 12) };
    const fill = 0x20 | ((label.source * 7 + label.number) & 0x1f);
    if (!data.subarray(i + digits, i + digits + 8).every((byte) => byte === fill)) continue;
    found.push(label);
    i += digits + 7;
  }
  return found;
}
