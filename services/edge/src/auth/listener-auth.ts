/**
 * Decides who may listen to a mount with `ListenerAuth`, for streams and HLS alike: by a file of
 * passwords, or by asking a URL as Icecast does (protocols §8). Who was let in by a URL is
 * reported once when it has gone, however it went, and ended when the answer said so.
 *
 * Everything but this is left to the caller: the address rules come first, and a mount
 * without it never comes here.
 */
import {
  type AuthListener,
  type AuthServer,
  encodeListenerAdd,
  encodeListenerRemove,
  readAuthAnswer,
} from '@legacystream/core/auth/url-auth.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { type BasicCredentials, parseBasicAuth } from '@legacystream/core/protocols/credentials.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import type { Access } from '@legacystream/runtime/access.ts';
import type { EffectiveMountSettings } from '@legacystream/runtime/config/mount-settings.ts';
import { matchesListener } from '@legacystream/runtime/listener-passwords.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { OncePerInterval } from '@legacystream/runtime/once-per-interval.ts';
import { PasswordVerifier } from '@legacystream/runtime/passwords.ts';
import { AuthCalls } from './auth-calls.ts';
import { PasswordFiles } from './password-files.ts';

export type ListenerAuthDeps = {
  readonly access: Pick<Access, 'listener'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Product and version, for the back end. */
  readonly server: string;
  /** Name and port that the back end is told. */
  readonly self: () => AuthServer;
};

export type AuthRequest = {
  /** No other listener of this server has it. */
  readonly id: number;
  readonly head: RequestHead;
  readonly ip: string;
  readonly mountPath: string;
  readonly mount: EffectiveMountSettings;
  /** The mount as it was asked for: path and query, not decoded. */
  readonly target: string;
};

export type AuthVerdict =
  /** The seconds for which it may listen; undefined for no end. */
  | { readonly granted: true; readonly limitS: number | undefined }
  | { readonly granted: false; readonly status: 401 | 429 | 503; readonly retryAfterS: number };

/** The body of an answer to who was not let in. */
export const challengeTexts: Readonly<Record<401 | 429 | 503, string>> = {
  401: 'You need to authenticate\r\n',
  429: 'Too many failed logins\r\n',
  503: 'Too many logins at once\r\n',
};

/** Who was let in by a URL. */
type Admission = {
  readonly listener: AuthListener;
  readonly key: string;
  readonly removal: { readonly url: string; readonly authorization: string } | undefined;
  readonly admittedMs: number;
  readonly limitS: number | undefined;
  hasBegun: boolean;
  timer: Timer | undefined;
};

const refused: AuthVerdict = { granted: false, status: 401, retryAfterS: 0 };
/** Icecast refuses what makes a longer request; ours may have some cookies more. */
const maxBodyBytes = 16 * 1024;
const maxWaiting = 10_000;
const removalTimeoutMs = 10_000;
/** An audience that leaves together is reported as fast as the back end takes it. */
const maxReports = 50_000;
const reportsMs = 300_000;
/** For listeners that are being closed to be gone, and for the last reports. */
const lastListenersMs = 500;
const lastReportsMs = 3_000;
const troubleEveryMs = 10_000;

export class ListenerAuth {
  readonly counts = { accepted: 0, refused: 0, failed: 0, removalsLost: 0 };
  readonly #deps: ListenerAuthDeps;
  readonly #calls: AuthCalls;
  readonly #removals: AuthCalls;
  readonly #files: PasswordFiles;
  /** Apart from those of encoders and operators, who must not wait for a crowd of listeners. */
  readonly #verifier = new PasswordVerifier();
  readonly #admissions = new Map<number, Admission>();
  readonly #trouble: OncePerInterval;
  readonly #messages: OncePerInterval;
  #whenIdle: PromiseWithResolvers<void> | undefined;

  constructor(deps: ListenerAuthDeps) {
    this.#deps = deps;
    const { clock, log, server } = deps;
    this.#calls = new AuthCalls(clock, server, maxWaiting);
    this.#removals = new AuthCalls(clock, server, maxReports);
    this.#files = new PasswordFiles(clock, log);
    this.#trouble = new OncePerInterval(clock, troubleEveryMs);
    this.#messages = new OncePerInterval(clock, 1_000);
  }

  /** Questions to back ends that are not answered yet. */
  get pending(): number {
    return this.#calls.pending;
  }

  /** Reads files of passwords, so that there is a last good one whatever becomes of them. */
  async start(passwordFiles: Iterable<string>): Promise<void> {
    await Promise.all([...passwordFiles].map((path) => this.#files.get(path)));
  }

  async admit(request: AuthRequest): Promise<AuthVerdict> {
    const verdict = await (request.mount.listenerAuth === 'htpasswd'
      ? this.#byPassword(request)
      : this.#byUrl(request));
    this.counts[verdict.granted ? 'accepted' : 'refused'] += 1;
    return verdict;
  }

  /**
   * Who was let in does listen now.
   * @param end called when its time is over
   */
  begun(id: number, end: () => void): void {
    const admission = this.#admissions.get(id);
    if (!admission || admission.hasBegun) return;
    admission.hasBegun = true;
    const { limitS, admittedMs } = admission;
    if (limitS === undefined) return;
    const { clock } = this.#deps;
    const leftMs = admittedMs + limitS * 1000 - clock.monotonicMs();
    admission.timer = clock.after(Math.max(0, leftMs), end);
  }

  /** Who was let in has gone. @param seconds for which it listened */
  ended(id: number, seconds: number): void {
    const admission = this.#admissions.get(id);
    if (!admission) return;
    this.#admissions.delete(id);
    admission.timer?.cancel();
    this.#report(admission, seconds);
  }

  /** Who was let in did not come to listen, unless it did. */
  settle(id: number): void {
    if (this.#admissions.get(id)?.hasBegun === false) this.ended(id, 0);
  }

  /** Reports those who are still here, too. */
  async close(): Promise<void> {
    const { clock } = this.#deps;
    await this.#idleWithin(lastListenersMs);
    for (const [id, { admittedMs }] of this.#admissions)
      this.ended(id, Math.floor((clock.monotonicMs() - admittedMs) / 1000));
    await this.#idleWithin(lastReportsMs);
    this.#trouble.close();
    this.#messages.close();
    this.#calls.close();
    this.#removals.close();
  }

  async #byPassword({ mountPath, mount, head, ip }: AuthRequest): Promise<AuthVerdict> {
    const credentials = parseBasicAuth(head.headers.get('authorization'));
    try {
      const verdict = await this.#deps.access.listener(mountPath, credentials, ip, async (given) => {
        const passwords = await this.#files.get(mount.listenerPasswordFile);
        return passwords !== undefined && matchesListener(passwords, given, this.#verifier);
      });
      if (verdict.granted) return { granted: true, limitS: undefined };
      if (verdict.retryAfterMs === 0) return refused;
      return { granted: false, status: 429, retryAfterS: Math.ceil(verdict.retryAfterMs / 1000) };
    } catch (error) {
      if (!(error instanceof LegacyStreamError)) throw error;
      return { granted: false, status: 503, retryAfterS: 5 };
    }
  }

  async #byUrl(request: AuthRequest): Promise<AuthVerdict> {
    const { mount, mountPath, head, ip, id } = request;
    const { clock, log } = this.#deps;
    const given = parseBasicAuth(head.headers.get('authorization'));
    const listener: AuthListener = {
      id,
      target: request.target,
      user: given?.user ?? '',
      password: given?.password ?? '',
      ip,
      userAgent: head.headers.get('user-agent'),
    };
    const body = encodeListenerAdd(listener, this.#deps.self(), forwardedOf(head, mount));
    const admittedMs = clock.monotonicMs();
    let headers: readonly string[];
    try {
      if (body.length > maxBodyBytes) throw new Error('the request would be too large');
      headers = await this.#calls.send({
        key: mountPath,
        ...targetOf(mount.listenerAddUrl, mount, given),
        body,
        timeoutMs: mount.authTimeout * 1000,
      });
    } catch (error) {
      this.counts.failed += 1;
      const allows = mount.authFailure === 'allow';
      this.#trouble.report((suppressed) =>
        log.warn(
          'listener_auth.failed',
          { mount: mountPath, url: mount.listenerAddUrl, error, suppressed },
          `ListenerAddUrl gave no answer: listeners are ${allows ? 'let in unasked' : 'refused'}`,
        ),
      );
      return allows ? { granted: true, limitS: undefined } : refused;
    }
    const answer = readAuthAnswer(headers, { accept: mount.authHeader, timeLimit: mount.timelimitHeader });
    const { accepted, limitS, message } = answer;
    if (message)
      this.#messages.report((suppressed) =>
        log.info('listener_auth.message', { mount: mountPath, ip, accepted, message, suppressed }),
      );
    if (!accepted) return refused;
    this.#admissions.set(id, {
      listener,
      key: mountPath,
      removal: mount.listenerRemoveUrl ? targetOf(mount.listenerRemoveUrl, mount, given) : undefined,
      admittedMs,
      limitS,
      hasBegun: false,
      timer: undefined,
    });
    return { granted: true, limitS };
  }

  #report({ listener, key, removal }: Admission, seconds: number): void {
    if (!removal) return this.#noteIdle();
    const body = encodeListenerRemove(listener, this.#deps.self(), seconds);
    this.#removals
      .send({ key, ...removal, body, timeoutMs: removalTimeoutMs, placeMs: reportsMs })
      .catch((error: unknown) => {
        this.counts.removalsLost += 1;
        this.#trouble.report((suppressed) =>
          this.#deps.log.warn(
            'listener_auth.report_lost',
            { mount: key, url: removal.url, error, suppressed },
            'ListenerRemoveUrl gave no answer',
          ),
        );
      })
      .finally(() => this.#noteIdle());
  }

  #noteIdle(): void {
    if (this.#admissions.size + this.#removals.pending === 0) this.#whenIdle?.resolve();
  }

  async #idleWithin(timeoutMs: number): Promise<void> {
    if (this.#admissions.size + this.#removals.pending === 0) return;
    this.#whenIdle = Promise.withResolvers();
    const timer = this.#deps.clock.after(timeoutMs, () => this.#whenIdle?.resolve());
    await this.#whenIdle.promise;
    timer.cancel();
  }
}

/** Whose name and password the back end is shown: the settings', the URL's, else the listener's own. */
function targetOf(
  address: string,
  { authUser, authPassword }: EffectiveMountSettings,
  given: BasicCredentials | undefined,
): { readonly url: string; readonly authorization: string } {
  const url = new URL(address);
  let pair = `${given?.user ?? ''}:${given?.password ?? ''}`;
  if (url.username !== '') pair = `${decode(url.username)}:${decode(url.password)}`;
  if (authUser !== '') pair = `${authUser}:${authPassword}`;
  url.username = '';
  url.password = '';
  return { url: url.href, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function forwardedOf(
  head: RequestHead,
  { authForwardHeaders, authHeaderPrefix }: EffectiveMountSettings,
): (readonly [string, string])[] {
  return authForwardHeaders.flatMap((name) => {
    const value = head.headers.get(name.toLowerCase());
    return value === undefined ? [] : [[`${authHeaderPrefix}${name}`, value] as const];
  });
}
