/**
 * hls.js in a real browser, on a page of another origin than the stream's. The page records
 * what a listener would notice four times a second (fixtures/hls/player.html), and a test
 * reads the record as it grows.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { findProgram } from '../programs.mjs';

/** One look at the player. */
export type PlayerSample = {
  readonly wallMs: number;
  /** `currentTime`. */
  readonly at: number;
  readonly bufferedS: number;
  readonly readyState: number;
  readonly isPaused: boolean;
  /** As hls.js estimates it. */
  readonly latencyS: number;
  /** PROGRAM-DATE-TIME of what is being played. */
  readonly playingMs: number | null;
  /** Strongest frequency of the sound; 0 is silence. */
  readonly hz: number;
};

export type PlayerEvent = {
  readonly wallMs: number;
  readonly name: string;
  readonly at: number;
  readonly type?: string;
  readonly details?: string;
  readonly fatal?: boolean;
  readonly text?: string;
  readonly [field: string]: unknown;
};

export type PlayerCue = {
  readonly seenMs: number;
  /** On the player's timeline. */
  readonly start: number;
  readonly type: string;
  readonly key?: string;
  readonly data: string;
};

export type PlayerRange = {
  readonly seenMs: number;
  readonly startMs: number;
  /** On the player's timeline. */
  readonly startTime: number;
  readonly attributes: Readonly<Record<string, string>>;
};

export type HeardTone = { readonly wallMs: number; readonly at: number; readonly hz: number };

export type PlayerRecord = {
  readonly samples: readonly PlayerSample[];
  readonly events: readonly PlayerEvent[];
  readonly cues: readonly PlayerCue[];
  readonly ranges: Readonly<Record<string, PlayerRange>>;
  /** When the sound became another one. */
  readonly tones: readonly HeardTone[];
};

const flags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];
const page = fileURLToPath(new URL('../fixtures/hls/player.html', import.meta.url));
const script = createRequire(import.meta.url).resolve('hls.js/dist/hls.min.js');

/** The browser, and the origin of the page. */
export class HlsBrowser {
  readonly #browser: Browser;
  readonly #server: Server;

  private constructor(browser: Browser, server: Server) {
    this.#browser = browser;
    this.#server = server;
  }

  static async start(): Promise<HlsBrowser> {
    const files = new Map([
      ['/', { type: 'text/html; charset=utf-8', body: await readFile(page) }],
      ['/hls.js', { type: 'text/javascript', body: await readFile(script) }],
    ]);
    const server = createServer((request, response) => {
      const file = files.get(request.url ?? '');
      if (file) response.writeHead(200, { 'Content-Type': file.type }).end(file.body);
      else response.writeHead(404).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const executablePath = findProgram('chromium');
      const browser = await chromium.launch({
        ...(executablePath && { executablePath }),
        args: flags,
        headless: true,
      });
      return new HlsBrowser(browser, server);
    } catch (error) {
      server.close();
      throw error;
    }
  }

  /** Begins to play, with hls.js as it is. @param restartAfterMs the page loads a stream anew that has stood still for so long; 0: never */
  async listen(url: string, restartAfterMs = 0): Promise<HlsListener> {
    const opened = await this.#browser.newPage();
    const listener = new HlsListener(opened);
    const { port } = this.#server.address() as AddressInfo;
    await opened.goto(`http://127.0.0.1:${port}/`);
    await opened.evaluate(`listen(${JSON.stringify(url)}, {}, ${restartAfterMs})`);
    return listener;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

export class HlsListener {
  readonly page: Page;
  /** What the page threw, and what the browser complained about. */
  readonly complaints: string[] = [];

  constructor(opened: Page) {
    this.page = opened;
    opened.on('pageerror', (error) => this.complaints.push(String(error)));
    opened.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
  }

  record(): Promise<PlayerRecord> {
    return this.page.evaluate('record');
  }

  /** Seconds played, by the clock of the player. */
  position(): Promise<number> {
    return this.page.evaluate('audio.currentTime');
  }

  close(): Promise<void> {
    return this.page.close();
  }
}

/** How long the player stood still at most between two moments. */
export function longestStillMs(record: PlayerRecord, fromMs: number, toMs: number): number {
  let longest = 0;
  let since = fromMs;
  let at = -1;
  for (const sample of record.samples) {
    if (sample.wallMs < fromMs || sample.wallMs > toMs) continue;
    longest = Math.max(longest, sample.wallMs - since);
    if (sample.at === at) continue;
    at = sample.at;
    since = sample.wallMs;
  }
  return longest;
}

/** What a program could not go on from. */
export const fatalErrors = (record: PlayerRecord) => record.events.filter(({ fatal }) => fatal === true);
