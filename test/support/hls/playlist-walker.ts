/**
 * A client that trusts nothing: it walks from a multivariant playlist to every media playlist,
 * by asking at intervals and, beside that, by blocking reloads with deltas where they are
 * offered; it fetches each initialization section, segment and part once, and gathers which
 * rules were broken and what it was given. A test listens with it and then judges.
 *
 * Its memory is bounded: when `maxBytes` are kept, what comes later is fetched and counted, but
 * not kept.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MediaFollower, type RenditionFindings } from './media-follower.ts';
import { type MediaPlaylist, readMultivariantPlaylist } from './playlist-reader.ts';
import { checkMultivariant, checkVariants } from './playlist-rules.ts';
import { type Fetch, ResourceFetcher } from './resource-fetcher.ts';

export type WalkerOptions = {
  readonly everyMs?: number;
  readonly fetch?: Fetch;
  /** Media that is kept for the findings. */
  readonly maxBytes?: number;
  /** Whether to ask blocking as well; where it is not advertised it is not done. */
  readonly blocks?: boolean;
};

export type Findings = {
  /** Broken rules, each once, in the order in which they were seen. */
  readonly broken: readonly string[];
  readonly renditions: readonly RenditionFindings[];
  readonly requests: number;
  readonly keptBytes: number;
  /** Bytes that came when enough was kept. */
  readonly unkeptBytes: number;
};

const defaultEveryMs = 1_000;
const defaultMaxBytes = 64 * 1024 * 1024;
const maxBroken = 500;
const maxRenditions = 16;

export class PlaylistWalker {
  readonly #url: string;
  readonly #everyMs: number;
  readonly #blocks: boolean;
  readonly #abort = new AbortController();
  readonly #fetcher: ResourceFetcher;
  readonly #broken = new Map<string, number>();
  readonly #followers = new Map<string, MediaFollower>();
  readonly #running: Promise<void>[] = [];

  constructor(url: string, options: WalkerOptions = {}) {
    this.#url = url;
    this.#everyMs = options.everyMs ?? defaultEveryMs;
    this.#blocks = options.blocks ?? true;
    const maxBytes = options.maxBytes ?? defaultMaxBytes;
    const get = options.fetch ?? ((target, init) => fetch(target, init));
    this.#fetcher = new ResourceFetcher(get, this.#abort.signal, maxBytes, this.#say);
  }

  start(): void {
    if (this.#running.length > 0) throw new Error('a walker walks once');
    this.#running.push(this.#walk());
  }

  /** While it is true a playlist may stand still, lose all it had or answer 404 (as after the source left). */
  set sourceIsAway(isAway: boolean) {
    this.#isAway = isAway;
    for (const follower of this.#followers.values()) follower.sourceIsAway = isAway;
  }
  #isAway = false;

  /** Broken rules so far; for a test that waits. */
  get broken(): readonly string[] {
    return [...this.#broken.keys()];
  }

  /** What is known so far of each rendition. */
  get renditions(): readonly RenditionFindings[] {
    return [...this.#followers.values()].map((follower) => follower.findings());
  }

  async stop(): Promise<Findings> {
    this.#abort.abort();
    await Promise.allSettled(this.#running);
    await Promise.allSettled([...this.#followers.values()].map((follower) => follower.settled()));
    const { requests, keptBytes, unkeptBytes } = this.#fetcher;
    const counted = [...this.#broken].map(([rule, times]) => (times > 1 ? `${rule} [${times} times]` : rule));
    return { broken: counted, renditions: this.renditions, requests, keptBytes, unkeptBytes };
  }

  readonly #say = (rule: string): void => {
    if (this.#broken.has(rule) || this.#broken.size < maxBroken)
      this.#broken.set(rule, (this.#broken.get(rule) ?? 0) + 1);
  };

  async #walk(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const beganMs = performance.now();
      try {
        await this.#step();
      } catch (error) {
        if (signal.aborted) return;
        this.#say(`walker (own fault or connection): ${String(error)}`);
      }
      const leftMs = this.#everyMs - (performance.now() - beganMs);
      await sleep(Math.max(leftMs, 1), undefined, { signal }).catch(() => {});
    }
  }

  async #step(): Promise<void> {
    const answer = await this.#fetcher.playlist(this.#url);
    if (!answer) return;
    if (answer.status !== 200) {
      if (!this.#isAway) this.#say(`status (§6.6): ${answer.status} for ${this.#url}`);
    } else this.#readMultivariant(answer.text);
    const polled = [...this.#followers.values()].map((follower) => follower.poll());
    const playlists = await Promise.all(polled);
    const known = playlists.filter((playlist): playlist is MediaPlaylist => playlist !== undefined);
    for (const rule of checkVariants(known)) this.#say(rule);
  }

  #readMultivariant(text: string): void {
    let variants: readonly { readonly uri: string }[] = [];
    try {
      const playlist = readMultivariantPlaylist(text);
      for (const rule of checkMultivariant(playlist)) this.#say(rule);
      variants = playlist.variants;
    } catch (error) {
      this.#say(`syntax (§6.1): ${this.#url}: ${String(error)}`);
    }
    for (const { uri } of variants) {
      const url = new URL(uri, this.#url).href;
      if (this.#followers.has(url)) continue;
      if (this.#followers.size >= maxRenditions) return this.#say('walker: too many renditions');
      const follower = new MediaFollower(url, this.#fetcher, this.#abort.signal, this.#say);
      follower.sourceIsAway = this.#isAway;
      this.#followers.set(url, follower);
      if (this.#blocks) this.#running.push(follower.blockAgainAndAgain());
    }
  }
}
