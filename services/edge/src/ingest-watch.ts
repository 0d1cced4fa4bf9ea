/**
 * Notices that an ingest which sources are passed on to has vanished, or stands still. Their
 * connections do not tell: for minutes the kernel takes what is sent to a host that is gone, and
 * a process that is frozen stays connected. So each ingest is asked for a word now and then, on
 * a connection of its own, and sources of one that stays silent are let go: their encoders come
 * back, to another.
 *
 * Where an address stands for several ingests (a virtual one) any of them may answer for all.
 */
import { connect } from 'node:net';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { encodeLocalProxyHeader } from '@legacystream/core/protocols/proxy-protocol.ts';
import { type IngestAddress, keyOf } from './ingest-dialer.ts';

export type WatchLimits = {
  /** How often each is asked. */
  readonly probeEveryMs: number;
  /** For its first word. */
  readonly probeTimeoutMs: number;
};

type Watched = { readonly lost: Set<() => void>; timer: Timer; silences: number; isAsked: boolean };

/** So often in a row it has to stay silent: one packet that is lost is no cut. */
const maxSilences = 2;
/** Any answer will do. */
const question = Buffer.concat([
  encodeLocalProxyHeader(),
  Buffer.from('HEAD / HTTP/1.0\r\nUser-Agent: LegacyStream edge\r\n\r\n'),
]);

export class IngestWatch {
  readonly #clock: Clock;
  readonly #limits: WatchLimits;
  /** Told of an ingest that is given up, and how many sources it had from here. */
  readonly #onLost: (ingest: IngestAddress, sources: number) => void;
  readonly #watched = new Map<string, Watched>();

  constructor(clock: Clock, limits: WatchLimits, onLost: (ingest: IngestAddress, sources: number) => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#onLost = onLost;
  }

  /**
   * @param lost called once if the ingest is given up
   * @returns what ends the watch
   */
  add(ingest: IngestAddress, lost: () => void): () => void {
    const key = keyOf(ingest);
    const watched = this.#watched.get(key) ?? this.#begin(key, ingest);
    watched.lost.add(lost);
    return () => {
      watched.lost.delete(lost);
      if (watched.lost.size === 0) this.#end(key, watched);
    };
  }

  #begin(key: string, ingest: IngestAddress): Watched {
    const ask = async () => {
      if (watched.isAsked) return;
      watched.isAsked = true;
      const answers = await this.#asks(ingest);
      watched.isAsked = false;
      watched.silences = answers ? 0 : watched.silences + 1;
      // All its sources may have left meanwhile.
      if (watched.silences < maxSilences || watched.lost.size === 0) return;
      this.#end(key, watched);
      this.#onLost(ingest, watched.lost.size);
      for (const lost of [...watched.lost]) lost();
    };
    const timer = this.#clock.every(this.#limits.probeEveryMs, () => void ask());
    const watched: Watched = { lost: new Set(), timer, silences: 0, isAsked: false };
    this.#watched.set(key, watched);
    return watched;
  }

  #end(key: string, watched: Watched): void {
    watched.timer.cancel();
    if (this.#watched.get(key) === watched) this.#watched.delete(key);
  }

  /** Whether it says anything in time. */
  #asks(ingest: IngestAddress): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(ingest);
      const settle = (answers: boolean) => {
        timer.cancel();
        socket.destroy();
        resolve(answers);
      };
      const timer = this.#clock.after(this.#limits.probeTimeoutMs, () => settle(false));
      socket.on('error', () => settle(false));
      socket.once('connect', () => socket.write(question));
      // One that hangs up is there to do so.
      socket.once('data', () => settle(true)).once('end', () => settle(true));
    });
  }
}
