/**
 * A sound card that keeps time and is silent: PulseAudio with nothing but a null sink, for
 * browsers. Without any card Firefox takes every stream for broken.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { ProgramProcess } from './program-process.ts';

export class SilentSoundCard {
  readonly #program: ProgramProcess;
  readonly #folder: string;

  private constructor(program: ProgramProcess, folder: string) {
    this.#program = program;
    this.#folder = folder;
  }

  static async start(): Promise<SilentSoundCard> {
    const folder = await mkdtemp(join(tmpdir(), 'legacystream-sound-'));
    const socket = `module-native-protocol-unix socket=${folder}/socket auth-anonymous=1`;
    const options = ['-n', '--daemonize=no', '--use-pid-file=no', '--exit-idle-time=-1', '--disable-shm=yes'];
    const program = new ProgramProcess('pulseaudio', [...options, '-L', 'module-null-sink', '-L', socket], {
      env: { HOME: folder, XDG_RUNTIME_DIR: folder },
    });
    const card = new SilentSoundCard(program, folder);
    const isOpen = () => stat(`${folder}/socket`).then(Boolean, () => false);
    await eventually('PulseAudio opens its socket', isOpen).catch(async (error: unknown) => {
      await card.stop();
      throw new Error(`${error}\n${program.output}`);
    });
    return card;
  }

  /** Leads a program to this card. */
  get env(): Readonly<Record<string, string>> {
    return { PULSE_SERVER: `unix:${this.#folder}/socket` };
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
