/**
 * A copy of what one mount has on air as HLS: its playlist as it is sent, compressed and not,
 * and the segments that it lists, in a folder that a server of files can serve as they are.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import type { BenchContext } from './bench-context.ts';

export type HlsSegment = { readonly name: string; readonly bytes: number };

const requestTimeoutMs = 10_000;
const windowTimeoutMs = 90_000;
const maxBodyBytes = 64 * 1024 * 1024;
export const playlistName = 'live.m3u8';

export class HlsCopy {
  readonly folder: string;
  /** Below it are the segments, at the server that they were taken from. */
  base = '';
  /** Paths of the media playlist, one for each listener. */
  playlists: readonly string[] = [];
  segments: readonly HlsSegment[] = [];
  /** Of the playlist, compressed. */
  playlistBytes = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(bench: BenchContext): Promise<HlsCopy> {
    const folder = await mkdtemp(join(tmpdir(), 'hls-bench-'));
    bench.cleanup.add(() => rm(folder, { recursive: true, force: true }));
    return new HlsCopy(folder);
  }

  /** Waits until the playlist is full: segments have left it. */
  async whenFull(port: number, mount: string): Promise<void> {
    const untilMs = performance.now() + windowTimeoutMs;
    const master = `${mount}/playlist.m3u8`;
    for (;;) {
      const found = await request(port, master);
      if (found.status === 200) {
        const path = resolvePath(master, linesOf(found.body)[0]!);
        const playlist = (await request(port, path)).body.toString();
        const first = Number(/^#EXT-X-MEDIA-SEQUENCE:(\d+)$/m.exec(playlist)?.[1] ?? 0);
        if (first > 0 && !playlist.includes('#EXT-X-GAP')) return;
      }
      if (performance.now() > untilMs)
        throw new Error(`${mount} has no full window of HLS: ${found.status} ${found.body}`);
      await sleep(500);
    }
  }

  /** Replaces the copy by what is listed now, for so many listeners. */
  async take(port: number, mount: string, listeners: number): Promise<void> {
    const master = `${mount}/playlist.m3u8`;
    const playlists: string[] = [];
    // Each listener has an address of its own where listeners are counted by it.
    for (let i = 0; i < listeners; i += 1) {
      const { status, body } = await request(port, master);
      if (status !== 200) throw new Error(`${master} was answered with ${status}`);
      playlists.push(resolvePath(master, linesOf(body)[0]!));
    }
    const path = playlists[0]!;
    const plain = await request(port, path);
    const zipped = await request(port, path, 'gzip');
    const uris = linesOf(plain.body, '#EXT-X-GAP');
    if (!gunzipSync(zipped.body).toString().startsWith('#EXTM3U') || uris.length === 0)
      throw new Error(`${path} is no media playlist`);
    await rm(this.folder, { recursive: true, force: true });
    await mkdir(this.folder);
    await writeFile(join(this.folder, playlistName), plain.body);
    await writeFile(join(this.folder, `${playlistName}.gz`), zipped.body);
    const segments: HlsSegment[] = [];
    for (const uri of uris) {
      if (!/^[\w.-]+$/.test(uri)) throw new Error(`${uri} is no name of a segment`);
      const { status, body, length } = await request(port, resolvePath(path, uri));
      if (status !== 200 || length !== body.byteLength)
        throw new Error(`${uri} was answered with ${status}, ${body.byteLength} of ${length} bytes`);
      await writeFile(join(this.folder, uri), body);
      segments.push({ name: uri, bytes: body.byteLength });
    }
    this.base = resolvePath(path, '.');
    this.playlists = playlists;
    this.segments = segments;
    this.playlistBytes = zipped.body.byteLength;
  }
}

type Answer = { readonly status: number; readonly body: Buffer; readonly length: number };

/** As sent: `fetch` would decompress it. */
function request(port: number, path: string, encoding = 'identity'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = get(
      { host: '127.0.0.1', port, path, agent: false, headers: { 'accept-encoding': encoding } },
      (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.byteLength;
          if (bytes > maxBodyBytes) answer.destroy(new Error(`${path} is too long`));
          else chunks.push(chunk);
        });
        answer.once('error', reject);
        answer.once('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            body: Buffer.concat(chunks),
            length: Number(answer.headers['content-length'] ?? -1),
          }),
        );
      },
    );
    asked.once('error', reject);
    asked.setTimeout(requestTimeoutMs, () => asked.destroy(new Error(`${path} was not answered`)));
  });
}

/** The lines of a playlist that are no tags, without those that have the tag `except`. */
function linesOf(playlist: Buffer, except?: string): string[] {
  const found: string[] = [];
  let isExcepted = false;
  for (const line of playlist.toString().split('\n')) {
    if (line === except) isExcepted = true;
    if (line === '' || line.startsWith('#')) continue;
    if (!isExcepted) found.push(line);
    isExcepted = false;
  }
  return found;
}

function resolvePath(from: string, uri: string): string {
  const { pathname, search } = new URL(uri, `http://127.0.0.1${from}`);
  return pathname + search;
}
