/**
 * A player of HLS reduced to its requests: the multivariant playlist, then the media playlist
 * again and again and whatever it lists anew. Each playlist is asked of the next of its edges and each
 * segment of the one after that, which is the most that a balancer can do to it.
 */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from './eventually.ts';
import { readMediaPlaylist } from './hls/playlist-reader.ts';

export type HlsListenerOptions = {
  /** Asked in turn. The list may change while it listens. */
  readonly edges: readonly { readonly httpPort: number }[];
  readonly mount: string;
  readonly userAgent: string;
  /** A loopback address of its own. */
  readonly localAddress?: string;
  readonly askEveryMs?: number;
  /** Which of the edges it asks first. */
  readonly turn?: number;
};

type Reply = { readonly status: number; readonly body: Buffer };

const answerMs = 10_000;

export class HlsListener {
  readonly userAgent: string;
  /** Answers to the media playlist other than 200, in order: status and first line. */
  readonly refusals: string[] = [];
  /** Media playlists and what they list. */
  playlists = 0;
  segments = 0;
  /** When the last media playlist was asked for, by performance.now(). */
  askedMs = 0;
  readonly #options: HlsListenerOptions;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #fetched = new Set<string>();
  #turn: number;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(options: HlsListenerOptions) {
    this.#options = options;
    this.userAgent = options.userAgent;
    this.#turn = options.turn ?? 0;
  }

  /** Asks for both playlists. @returns also when the media playlist is refused */
  static async join(options: HlsListenerOptions): Promise<HlsListener> {
    const listener = new HlsListener(options);
    const { mount } = options;
    const { body } = await eventually(
      `${mount} is there`,
      async () => {
        const reply = await listener.#ask(`${mount}/playlist.m3u8`, 1);
        return reply?.status === 200 ? reply : undefined;
      },
      20_000,
    );
    const link = body.toString().match(/^[^#\s].*$/m)?.[0] ?? '';
    const path = `${mount}/${link}`;
    await listener.#follow(path);
    listener.#running = listener.#run(path);
    return listener;
  }

  /** Asks for nothing more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    this.#agent.destroy();
  }

  async #run(path: string): Promise<void> {
    while (!this.#isStopped) {
      await sleep(this.#options.askEveryMs ?? 1_000);
      if (!this.#isStopped) await this.#follow(path);
    }
  }

  async #follow(path: string): Promise<void> {
    this.askedMs = performance.now();
    const reply = await this.#ask(path);
    this.#turn += 1;
    // An edge that dies with the request is no answer.
    if (!reply) return;
    if (reply.status !== 200)
      return void this.refusals.push(`${reply.status} ${reply.body.toString().split('\r\n', 1)[0]}`);
    this.playlists += 1;
    const { segments } = readMediaPlaylist(reply.body.toString());
    const uri = segments.at(-1)?.uri;
    if (uri === undefined || this.#fetched.has(uri)) return;
    this.#fetched.add(uri);
    const segment = await this.#ask(new URL(uri, `http://edge${path}`).pathname);
    if (segment?.status === 200) this.segments += 1;
  }

  #ask(path: string, edgesOn = 0): Promise<Reply | undefined> {
    const { edges, localAddress, userAgent } = this.#options;
    const { httpPort: port } = edges[(this.#turn + edgesOn) % edges.length]!;
    return new Promise((resolve) => {
      const asked = request(
        {
          ...{ host: '127.0.0.1', port, path, agent: this.#agent, timeout: answerMs },
          ...(localAddress !== undefined && { localAddress }),
          headers: { 'user-agent': userAgent },
        },
        (response) => {
          const pieces: Buffer[] = [];
          response.on('data', (piece: Buffer) => pieces.push(piece));
          response.on('error', () => resolve(undefined));
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces) }),
          );
        },
      );
      asked.on('timeout', () => asked.destroy());
      asked.on('error', () => resolve(undefined));
      asked.end();
    });
  }
}
