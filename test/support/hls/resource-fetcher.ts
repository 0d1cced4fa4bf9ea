/** Gets playlists and media for the walker, and checks what HTTP says of them (protocol reference §6.6). */

export type Fetch = (
  url: string,
  init: { readonly signal: AbortSignal; readonly headers?: Record<string, string> },
) => Promise<Response>;

export type PlaylistAnswer = { readonly status: number; readonly text: string; readonly tookMs: number };

const playlistTypes = ['application/vnd.apple.mpegurl', 'audio/mpegurl'];
const mediaTypes: Readonly<Record<string, readonly string[]>> = {
  mp3: ['audio/mpeg'],
  aac: ['audio/aac'],
  m4s: ['audio/mp4', 'video/iso.segment'],
  m4a: ['audio/mp4'],
  mp4: ['audio/mp4', 'video/mp4'],
};
const playlistTimeoutMs = 60_000;
const mediaTimeoutMs = 30_000;
const maxPlaylistChars = 8 * 1024 * 1024;

export class ResourceFetcher {
  requests = 0;
  keptBytes = 0;
  unkeptBytes = 0;
  readonly #fetch: Fetch;
  readonly #signal: AbortSignal;
  readonly #maxBytes: number;
  readonly #say: (rule: string) => void;

  constructor(fetch: Fetch, signal: AbortSignal, maxBytes: number, say: (rule: string) => void) {
    this.#fetch = fetch;
    this.#signal = signal;
    this.#maxBytes = maxBytes;
    this.#say = say;
  }

  /** Undefined where there was no answer; that is told, unless the walk is over. */
  async playlist(url: string): Promise<PlaylistAnswer | undefined> {
    const beganMs = performance.now();
    const response = await this.#get(url, playlistTimeoutMs, 'application/vnd.apple.mpegurl, */*');
    if (!response) return undefined;
    const { status } = response;
    const text = await response.text().catch(() => undefined);
    if (text === undefined || text.length > maxPlaylistChars) {
      if (!this.#signal.aborted) this.#say(`body (§6.6): torn or too long, ${withoutQuery(url)}`);
      return undefined;
    }
    if (status === 200) {
      this.#checkType(response, playlistTypes, url);
      this.#checkOrigin(response, url);
    }
    return { status, text, tookMs: performance.now() - beganMs };
  }

  /**
   * A segment, a part or an initialization section: all of it or undefined.
   * @param mayBeRefused a hint may be withdrawn: then 404 is no fault
   */
  async media(url: string, mayBeRefused = false): Promise<Uint8Array | undefined> {
    const response = await this.#get(url, mediaTimeoutMs, '*/*');
    if (!response) return undefined;
    const { status } = response;
    if (status !== 200) {
      await response.body?.cancel().catch(() => {});
      if (!mayBeRefused) this.#say(`listed is downloadable (§6.1): ${status} for ${url}`);
      return undefined;
    }
    const extension = /\.([0-9a-z]+)$/.exec(withoutQuery(url))?.[1] ?? '';
    this.#checkType(response, mediaTypes[extension] ?? [], url);
    this.#checkOrigin(response, url);
    const cache = response.headers.get('cache-control') ?? '';
    if (!/\bimmutable\b/.test(cache) || !(Number(/max-age=(\d+)/.exec(cache)?.[1]) >= 3600))
      this.#say(`Cache-Control (§6.6): "${cache}" for ${url}`);
    const data = await response.bytes().catch(() => undefined);
    if (data === undefined || data.byteLength === 0) {
      if (!this.#signal.aborted) this.#say(`body (§6.6): ${data ? 'empty' : 'torn'}, ${url}`);
      return undefined;
    }
    return data;
  }

  /** Whether there is room to keep so many bytes; they count as kept then. */
  keep(bytes: number): boolean {
    const fits = this.keptBytes + bytes <= this.#maxBytes;
    if (fits) this.keptBytes += bytes;
    else this.unkeptBytes += bytes;
    return fits;
  }

  release(bytes: number): void {
    this.keptBytes -= bytes;
  }

  async #get(url: string, timeoutMs: number, accept: string): Promise<Response | undefined> {
    this.requests += 1;
    try {
      const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(timeoutMs)]);
      return await this.#fetch(url, { signal, headers: { accept } });
    } catch (error) {
      if (!this.#signal.aborted) this.#say(`connection (§6.6): ${String(error)} for ${withoutQuery(url)}`);
      return undefined;
    }
  }

  #checkType(response: Response, allowed: readonly string[], url: string): void {
    const type = (response.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
    if (!allowed.includes(type)) this.#say(`Content-Type (§6.6): "${type}" for ${withoutQuery(url)}`);
  }

  #checkOrigin(response: Response, url: string): void {
    if (!response.headers.get('access-control-allow-origin'))
      this.#say(`CORS (§6.6): no Access-Control-Allow-Origin for ${withoutQuery(url)}`);
  }
}

function withoutQuery(url: string): string {
  return url.split('?')[0]!;
}
