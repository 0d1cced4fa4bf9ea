/**
 * One player of a page in a driven browser: pressed as by a listener, and listened to. The
 * sound is taken as it leaves the audio element, so that only what was decoded counts.
 */
import type { DrivenPage } from './driven-page.ts';
import { eventually } from './eventually.ts';

const patienceMs = 20_000;
/** Of the spectrum's lines, at the 44.1 or 48 kHz of a sound card. */
const hzTolerance = 30;

export type PlayerLook = {
  readonly state: string;
  readonly way: string | null;
  readonly status: string;
  readonly at: number;
  /** Strongest frequency of the sound; 0 is silence. */
  readonly hz: number;
};

export class WatchedPlayer {
  readonly #page: DrivenPage;
  readonly #selector: string;

  /** @param selector of the player on the page that is open */
  constructor(page: DrivenPage, selector: string) {
    this.#page = page;
    this.#selector = selector;
  }

  press(): Promise<void> {
    return this.#page.press(`${this.#selector} .player-button`);
  }

  setAttribute(name: string, value: string): Promise<void> {
    return this.#run(`player.setAttribute(${JSON.stringify(name)}, ${JSON.stringify(value)})`);
  }

  /** Listens to it from now on. The page must have been pressed for its sound to be let out. */
  listen(): Promise<void> {
    return this.#run(`{
      const context = new AudioContext();
      const analyser = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
      new MediaElementAudioSourceNode(context, { mediaElement: audio }).connect(analyser);
      analyser.connect(context.destination);
      context.resume();
      player.analyser = analyser;
    }`);
  }

  look(): Promise<PlayerLook> {
    return this.#run(`{
      const { analyser } = player;
      let hz = 0;
      if (analyser) {
        const lines = new Float32Array(analyser.frequencyBinCount);
        analyser.getFloatFrequencyData(lines);
        const best = lines.indexOf(Math.max(...lines));
        if (lines[best] > -60) hz = (best * analyser.context.sampleRate) / analyser.fftSize;
      }
      return {
        state: player.getAttribute('state'),
        way: player.getAttribute('way'),
        status: player.querySelector('.player-status').textContent,
        at: audio.currentTime,
        hz,
      };
    }`);
  }

  /** Text of an element of the card, or of whatever the player stands in. */
  text(selector: string): Promise<string> {
    return this.#run(`return (player.closest('.card') ?? document).querySelector('${selector}').textContent`);
  }

  /** Waits until it plays a tone of `hz`, and for `seconds` more of it. @returns how it looks then */
  async sounds(hz: number, seconds = 1, timeoutMs = patienceMs): Promise<PlayerLook> {
    let last: PlayerLook | undefined;
    const looked = async () => {
      last = await this.look();
      return last.state === 'playing' && Math.abs(last.hz - hz) < hzTolerance ? last : undefined;
    };
    const explain = (error: unknown) => {
      throw new Error(`${error}: ${JSON.stringify(last)}`);
    };
    const { at } = await eventually(`${hz} Hz are heard`, looked, timeoutMs).catch(explain);
    const moved = async () => {
      const look = await looked();
      return look && look.at > at + seconds ? look : undefined;
    };
    return eventually(`${hz} Hz go on`, moved, patienceMs).catch(explain);
  }

  async shows(
    what: string,
    isSo: (look: PlayerLook) => boolean,
    timeoutMs = patienceMs,
  ): Promise<PlayerLook> {
    let last: PlayerLook | undefined;
    return eventually(
      what,
      async () => {
        last = await this.look();
        return isSo(last) ? last : undefined;
      },
      timeoutMs,
    ).catch((error: unknown) => {
      throw new Error(`${error}: ${JSON.stringify(last)}`);
    });
  }

  #run<T>(body: string): Promise<T> {
    return this.#page.evaluate(`(() => {
      const player = document.querySelector(${JSON.stringify(this.#selector)});
      const audio = player.querySelector('audio');
      ${body}
    })()`);
  }
}
