/**
 * mpv, told over its JSON IPC (mpv manual, "JSON IPC"). It plays in time and without a
 * sound, or decodes into a WAV file, and then it does not follow titles.
 */
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { ProgramProcess } from './program-process.ts';

type Reply = { readonly request_id?: number; readonly data?: unknown; readonly error?: string };

export class MpvPlayer {
  readonly program: ProgramProcess;
  readonly #socketFile: string;
  #socket: Socket | undefined;
  #nextId = 1;
  readonly #waiting = new Map<number, (reply: Reply) => void>();

  /** @param folder for its socket, which is named after `name` */
  constructor(url: string, folder: string, name: string, wavFile?: string) {
    this.#socketFile = join(folder, `${name}.socket`);
    const output =
      wavFile === undefined ? ['--ao=null'] : ['--audio-format=s16', '--ao=pcm', `--ao-pcm-file=${wavFile}`];
    this.program = new ProgramProcess('mpv', [
      '--no-config',
      '--no-video',
      '--no-terminal',
      ...output,
      `--input-ipc-server=${this.#socketFile}`,
      url,
    ]);
  }

  /** A property's value; undefined while it has none. */
  async get(property: string): Promise<unknown> {
    const reply = await this.#command('get_property', property);
    return reply.error === 'success' ? reply.data : undefined;
  }

  /** What it shows as the title: that of the stream, else a name of its own making. */
  async title(): Promise<string> {
    return String(await this.get('media-title'));
  }

  /** Seconds played. */
  async position(): Promise<number> {
    return Number((await this.get('time-pos')) ?? 0);
  }

  /** Ends it in order, so that its file is complete. */
  async quit(): Promise<void> {
    await Promise.race([this.#command('quit'), this.program.exited]);
    await this.program.exited;
    this.#socket?.destroy();
  }

  async stop(): Promise<void> {
    this.#socket?.destroy();
    await this.program.stop();
  }

  async #command(...command: readonly string[]): Promise<Reply> {
    this.#socket ??= await this.#open();
    const socket = this.#socket;
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      socket.write(`${JSON.stringify({ command, request_id: id })}\n`);
    });
  }

  async #open(): Promise<Socket> {
    const socket = await eventually('mpv opens its socket', () => this.#tryOpen(), 20_000);
    let rest = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(JSON.parse(line) as Reply);
    });
    return socket;
  }

  #tryOpen(): Promise<Socket | undefined> {
    return new Promise((resolve) => {
      const socket = connect(this.#socketFile);
      socket.once('connect', () => resolve(socket)).on('error', () => resolve(undefined));
    });
  }

  #take(reply: Reply): void {
    const { request_id: id = 0 } = reply;
    this.#waiting.get(id)?.(reply);
    this.#waiting.delete(id);
  }
}
