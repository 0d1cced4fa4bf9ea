/**
 * An encoder as stations have it: when its connection goes it comes back, to whichever
 * ingest takes it, and its audio has moved on meanwhile. Each connection is a source of its
 * own in the frames, and frame numbers never come twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CountingSource } from '../support/counting-source.ts';
import type { ServerProcess } from '../support/server-process.ts';

const retryMs = 200;
/** Frames that a pause of the encoder skips, so that what was heard before and after differ. */
const skipFrames = 100;

export class FleetSource {
  /** Connections that were let in. */
  connections = 0;
  /** Answers of those that were not. */
  readonly refusals: string[] = [];
  readonly #servers: readonly ServerProcess[];
  readonly #mount: string;
  readonly #firstId: number;
  #current: CountingSource | undefined;
  #turn = 0;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(servers: readonly ServerProcess[], mount: string, firstId: number) {
    this.#servers = servers;
    this.#mount = mount;
    this.#firstId = firstId;
  }

  /** @param servers asked in turn, beginning with the first */
  static async start(servers: readonly ServerProcess[], mount: string, firstId = 1): Promise<FleetSource> {
    const source = new FleetSource(servers, mount, firstId);
    source.#current = await source.#connect(0, 1_000);
    source.#running = source.#follow();
    return source;
  }

  /** The number that the next frame will have. */
  get nextNumber(): number {
    return this.#current?.nextNumber ?? 0;
  }

  /** The id that the present connection's frames carry. */
  get id(): number {
    return this.#firstId + this.connections - 1;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#current?.destroy();
    await this.#running;
  }

  async #follow(): Promise<void> {
    while (!this.#stopped) {
      await this.#current?.closed;
      const number = this.nextNumber + skipFrames;
      this.#turn += 1;
      for (;;) {
        if (this.#stopped) return;
        try {
          this.#current = await this.#connect(number, 0);
          break;
        } catch (error) {
          this.refusals.push(error instanceof Error ? error.message : String(error));
          this.#turn += 1;
          await sleep(retryMs);
        }
      }
    }
  }

  async #connect(firstNumber: number, headStartMs: number): Promise<CountingSource> {
    const server = this.#servers[this.#turn % this.#servers.length]!;
    const id = this.#firstId + this.connections;
    const { httpPort: port } = server;
    const source = await CountingSource.start({ port, mount: this.#mount, id, firstNumber, headStartMs });
    this.connections += 1;
    return source;
  }
}
