/**
 * The sources of one `standby` mount that wait on this pod, first come first served. While
 * one of them could be on air, asks the owner's session again and again how it is
 * (owner-watch.ts) and claims the mount for the first of them when it fails. Sources on
 * other pods do the same: the lease decides, and whoever lost goes on waiting.
 */
import { decodeReply, encodeMessage, type OwnerReply } from '@legacystream/core/bus/requests.ts';
import type { Timer } from '@legacystream/core/clock.ts';
import type { Codec } from '@legacystream/core/codecs/frame-splitter.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Subscription } from '@legacystream/core/ports/bus.ts';
import {
  answerTimeoutMs,
  askEveryMs,
  type OwnerSign,
  OwnerWatch,
} from '@legacystream/core/sources/owner-watch.ts';
import { sessionSubject } from './ask-owner.ts';
import { MountClaim } from './mount-claim.ts';
import type { SessionDeps } from './source-session.ts';
import type { StandbySource } from './standby-source.ts';

/** Why the mount was taken: nobody had it, its source was silent, its pod did not answer. */
export type SwitchCause = 'free' | 'silent' | 'unreachable';

/** A refusal may be older than the release that is under way. */
const retryMs = 80;
/** After the bus was away, others may still be on their way back to it. */
const busGraceMs = 1_000;

export class StandbyQueue {
  readonly #deps: SessionDeps;
  readonly #mountId: string;
  readonly #nameHolder: () => string;
  readonly #onSwitch: (cause: SwitchCause) => void;
  readonly #sources: StandbySource[] = [];
  readonly #watch = new OwnerWatch();
  readonly #echoSubject: string;
  readonly #echo: Subscription;
  #timer: Timer | undefined;
  #isBusy = false;
  #isAskedAgain = false;
  #trustFromMs = 0;
  #closed = false;

  constructor(
    deps: SessionDeps,
    mountId: string,
    nameHolder: () => string,
    onSwitch: (cause: SwitchCause) => void,
  ) {
    this.#deps = deps;
    this.#mountId = mountId;
    this.#nameHolder = nameHolder;
    this.#onSwitch = onSwitch;
    // Who cannot reach itself over the bus cannot tell whether another is away.
    this.#echoSubject = deps.subjects.owner(`${mountId}~echo~${deps.podId}`);
    this.#echo = deps.bus.respond(this.#echoSubject, (data) => data);
  }

  get length(): number {
    return this.#sources.length;
  }

  join(source: StandbySource): void {
    if (this.#closed || this.#sources.includes(source)) return;
    this.#sources.push(source);
    this.wake();
  }

  leave(source: StandbySource): void {
    const at = this.#sources.indexOf(source);
    if (at >= 0) this.#sources.splice(at, 1);
    if (this.#sources.length === 0) this.#timer?.cancel();
  }

  /** Something changed: looks at once. */
  wake(): void {
    if (this.#closed || this.#sources.length === 0) return;
    this.#isAskedAgain = this.#isBusy;
    if (!this.#isBusy) void this.#turn();
  }

  /** Claims nothing from now on. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#echo.unsubscribe();
  }

  async #turn(): Promise<void> {
    this.#timer?.cancel();
    this.#isBusy = true;
    // The store is away and somebody answers for the mount: the next turn tries again.
    let nextMs = await this.#step().catch(() => askEveryMs);
    this.#isBusy = false;
    if (this.#isAskedAgain) nextMs = 0;
    this.#isAskedAgain = false;
    if (this.#closed || this.#sources.length === 0) return;
    this.#timer = this.#deps.clock.after(nextMs, () => void this.#turn());
  }

  /** @returns when to look again */
  async #step(): Promise<number> {
    if (!this.#first()) return askEveryMs;
    const nowMs = this.#deps.clock.monotonicMs();
    if (!this.#deps.bus.connected) this.#trustFromMs = nowMs + busGraceMs;
    if (nowMs < this.#trustFromMs) {
      this.#watch.forgive();
      return askEveryMs;
    }
    if (this.#watch.epoch === 0) return this.#claim('free', false);
    const sign = await this.#ask();
    if (this.#closed || !sign) return askEveryMs;
    const next = this.#watch.judge(sign, this.#deps.clock.monotonicMs());
    if (next.type === 'ask') return next.inMs;
    const causes = { 'made-way': 'silent', 'on-air': 'free', gone: 'free', mute: 'unreachable' } as const;
    return this.#claim(next.byForce ? 'unreachable' : causes[sign.type], next.byForce);
  }

  #first(): StandbySource | undefined {
    return this.#sources.find((source) => source.isReady);
  }

  /** @returns undefined when this pod itself cannot be reached over the bus */
  async #ask(): Promise<OwnerSign | undefined> {
    const { bus, subjects } = this.#deps;
    const subject = sessionSubject(subjects, this.#mountId, this.#watch.epoch);
    const request = encodeMessage({ op: 'standby' });
    const echo = this.#watch.isDoubtful
      ? bus.request(this.#echoSubject, request, answerTimeoutMs).then(
          () => true,
          () => false,
        )
      : true;
    let sign: OwnerSign;
    try {
      const reply = decodeReply<OwnerReply>(await bus.request(subject, request, answerTimeoutMs));
      if (reply.ok) return { type: 'made-way' };
      if (reply.codec) this.#dismiss(reply.codec);
      this.#noteWaiting();
      return { type: 'on-air', yieldsInMs: reply.yieldsInMs ?? askEveryMs };
    } catch (error) {
      const code = error instanceof LegacyStreamError ? error.code : undefined;
      // A responder that fails is there.
      if (code === 'LS_BUS_RESPONDER_FAILED') return { type: 'on-air', yieldsInMs: askEveryMs };
      sign = { type: code === 'LS_BUS_NO_RESPONDER' ? 'gone' : 'mute' };
    }
    if (await echo) return sign;
    this.#watch.forgive();
    return undefined;
  }

  async #claim(cause: SwitchCause, byForce: boolean): Promise<number> {
    const source = this.#first();
    if (!source) return askEveryMs;
    const { epoch } = this.#watch;
    const holder = this.#nameHolder();
    const attempt = { isMute: byForce, lastEpoch: epoch };
    let claim = await MountClaim.attempt(this.#deps, this.#mountId, holder, { steal: false, ...attempt });
    if (!(claim instanceof MountClaim)) {
      this.#watch.follow(claim.epoch);
      this.#noteWaiting();
      if (claim.epoch !== epoch) return 0;
      if (!byForce || this.#closed) return retryMs;
      claim = await MountClaim.attempt(this.#deps, this.#mountId, holder, { steal: true, ...attempt });
      if (!(claim instanceof MountClaim)) return retryMs;
    }
    const { hasWaited } = source;
    let isOnAir = false;
    try {
      isOnAir = !this.#closed && (await source.goOnAir(claim));
    } finally {
      if (!isOnAir) await claim.release();
    }
    if (!isOnAir) return retryMs;
    this.#watch.follow(claim.epoch);
    if (hasWaited) this.#onSwitch(cause);
    this.#noteWaiting();
    return askEveryMs;
  }

  #noteWaiting(): void {
    for (const source of this.#sources) source.noteWaiting();
  }

  /** Listeners cannot follow from one codec to another: whoever sends another one waits in vain. */
  #dismiss(codec: Codec): void {
    for (const source of [...this.#sources]) {
      if (source.codec === undefined || isSameForListeners(source.codec, codec)) continue;
      const { path, ip } = source.description;
      const reason = `sends ${source.codec}, and ${codec} is on air`;
      this.#deps.log.warn('source.refused', { mount: path, ip, reason });
      source.end('wrong-codec');
    }
  }
}

/** Ogg is `ogg` until its first page tells more. */
function isSameForListeners(one: Codec, other: Codec): boolean {
  if (one === 'ogg') return other.startsWith('ogg');
  return one === other || (other === 'ogg' && one.startsWith('ogg'));
}
