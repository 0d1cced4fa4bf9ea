/**
 * Decides who may listen, for streams and HLS alike: `[Access]` and the bans of operators.
 * Pages, sources and the admin interface do not ask here, so that an operator who has banned
 * himself can take it back.
 *
 * A new ban also ends those who listen already. They are looked through a slice at a time, so
 * that a ban on a large edge delays nobody's audio.
 */
import { IpRangeSet } from '@legacystream/core/auth/ip-range-set.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import type { ClientConnection } from '@legacystream/runtime/client-connection.ts';
import { matchesTemplate } from '@legacystream/runtime/config/mount-settings.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { BanList } from './ban-list.ts';
import type { ListenerRegistry, RegisteredListener } from './listener-registry.ts';

/** Why a client may not listen. */
export type GateRefusal = 'banned' | 'address' | 'user_agent';

export type ListenerGateDeps = {
  readonly rules: Settings['access'];
  readonly bans: BanList;
  readonly registry: Pick<ListenerRegistry, 'listeners'>;
  readonly clock: Clock;
};

type Client = Pick<ClientConnection, 'ip'>;
type Head = Pick<RequestHead, 'headers'>;

/** The body of the 403. */
export const gateTexts: Readonly<Record<GateRefusal, string>> = {
  banned: 'Listening from this address is not allowed\r\n',
  address: 'Listening from this address is not allowed\r\n',
  user_agent: 'Listening with this player is not allowed\r\n',
};

/** Listeners that are looked at in one turn: a few milliseconds. */
const sliceListeners = 5_000;

export class ListenerGate {
  /** Requests that were refused. */
  readonly refused: Record<GateRefusal, number> = { banned: 0, address: 0, user_agent: 0 };
  /** Listeners that a ban ended. */
  ended = 0;
  readonly #deps: ListenerGateDeps;
  readonly #allowed: IpRangeSet;
  readonly #denied: IpRangeSet;
  readonly #deniedPlayers: readonly string[];
  readonly #hasRules: boolean;
  /** Those who are still to be looked at. */
  #inspected: Iterator<RegisteredListener> | undefined;
  #timer: Timer | undefined;

  constructor(deps: ListenerGateDeps) {
    this.#deps = deps;
    const { allowIp, denyIp, denyUserAgent } = deps.rules;
    this.#allowed = new IpRangeSet(allowIp);
    this.#denied = new IpRangeSet(denyIp);
    this.#deniedPlayers = denyUserAgent.map((pattern) => pattern.toLowerCase());
    this.#hasRules = allowIp.length + denyIp.length + denyUserAgent.length > 0;
    deps.bans.onNewBans = () => this.#endBanned();
  }

  /** As long as this is the same, whoever was admitted still is. */
  get generation(): number {
    return this.#deps.bans.generation;
  }

  admits(client: Client, head: Head): boolean {
    return this.#judge(client, head) === undefined;
  }

  /** As {@link admits}, and counts a refusal: undefined for those who may listen. */
  refusal(client: Client, head: Head): GateRefusal | undefined {
    const refusal = this.#judge(client, head);
    if (refusal) this.refused[refusal] += 1;
    return refusal;
  }

  close(): void {
    this.#timer?.cancel();
    this.#deps.bans.onNewBans = () => {};
  }

  #judge({ ip }: Client, { headers }: Head): GateRefusal | undefined {
    if (this.#deps.bans.size > 0 && this.#deps.bans.covers(ip)) return 'banned';
    if (!this.#hasRules) return undefined;
    if (!this.#allowed.isEmpty && !this.#allowed.contains(ip)) return 'address';
    if (this.#denied.contains(ip)) return 'address';
    if (this.#deniedPlayers.length === 0) return undefined;
    const player = (headers.get('user-agent') ?? '').toLowerCase();
    return this.#deniedPlayers.some((pattern) => matchesTemplate(pattern, player)) ? 'user_agent' : undefined;
  }

  /** Begins anew with every new ban: whoever comes meanwhile has been judged by it. */
  #endBanned(): void {
    this.#inspected = this.#deps.registry.listeners();
    this.#timer ??= this.#deps.clock.after(0, () => this.#inspectSlice());
  }

  #inspectSlice(): void {
    this.#timer = undefined;
    const { bans, clock } = this.#deps;
    for (let looked = 0; looked < sliceListeners; looked += 1) {
      const next = this.#inspected!.next();
      if (next.done) return;
      if (!bans.covers(next.value.details.ip)) continue;
      this.ended += 1;
      next.value.close('banned');
    }
    this.#timer = clock.after(0, () => this.#inspectSlice());
  }
}
