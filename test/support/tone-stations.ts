/** A server with one station for each form of HLS, each a tone of its own that tells them apart. */
import assert from 'node:assert/strict';
import { eventually } from './eventually.ts';
import { ProgramProcess } from './program-process.ts';
import { ServerProcess, sourcePassword } from './server-process.ts';

const encoders: Readonly<Record<string, readonly string[]>> = {
  mp3: ['-c:a', 'libmp3lame', '-b:a', '96k', '-f', 'mp3', '-content_type', 'audio/mpeg'],
  aac: ['-c:a', 'aac', '-b:a', '96k', '-f', 'adts', '-content_type', 'audio/aac'],
  opus: ['-c:a', 'libopus', '-b:a', '64k', '-f', 'ogg', '-content_type', 'audio/ogg'],
  flac: ['-c:a', 'flac', '-f', 'flac', '-content_type', 'audio/flac'],
};
/** Short segments, so that a change of the source is heard soon. */
const ini = `
[Hls]
SegmentDuration=2
[Mount /packed.aac]
HlsContainer=packed
[Mount /plain.aac]
Hls=false
`;
const patienceMs = 20_000;

/** Hz by mount. */
export const stations = {
  '/live.mp3': 500,
  '/live.aac': 600,
  '/packed.aac': 700,
  '/live.opus': 800,
  '/live.flac': 900,
  '/plain.aac': 1000,
} as const;

export class ToneStations {
  readonly server: ServerProcess;
  readonly #sources = new Map<string, ProgramProcess>();

  private constructor(server: ServerProcess) {
    this.server = server;
  }

  /** All on air, each with its mount as its title. */
  static async start(): Promise<ToneStations> {
    const stage = new ToneStations(await ServerProcess.start({ ini }));
    try {
      for (const [mount, hz] of Object.entries(stations)) stage.send(mount, hz);
      for (const mount of Object.keys(stations)) await stage.#isOnAir(mount);
      for (const mount of Object.keys(stations)) await stage.#setTitle(mount, `Tones - ${mount}`);
      return stage;
    } catch (error) {
      await stage.stop();
      throw error;
    }
  }

  /** Its codec is that of the mount's ending. */
  send(mount: string, hz: number): void {
    const tone = ['-re', '-f', 'lavfi', '-i', `sine=frequency=${hz}`];
    const encoder = encoders[mount.split('.')[1] ?? ''] ?? [];
    const target = `icecast://source:${sourcePassword}@127.0.0.1:${this.server.httpPort}${mount}`;
    const args = ['-hide_banner', '-loglevel', 'error', ...tone, ...encoder, target];
    this.#sources.set(mount, new ProgramProcess('ffmpeg', args));
  }

  /** As by a power cut. */
  async drop(mount: string): Promise<void> {
    await this.#sources.get(mount)?.stop('SIGKILL');
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sources.values()].map((source) => source.stop()));
    await this.server.stop();
  }

  async #isOnAir(mount: string): Promise<void> {
    const status = `${this.server.url}/status-json.xsl?mount=${mount}`;
    const isListed = async () => (await (await fetch(status)).text()).includes(mount);
    await eventually(`${mount} is on air`, isListed, patienceMs);
  }

  async #setTitle(mount: string, song: string): Promise<void> {
    const body = new URLSearchParams({ mode: 'updinfo', mount, song });
    assert.equal((await this.server.admin('/admin/metadata', { method: 'POST', body })).status, 200);
  }
}
