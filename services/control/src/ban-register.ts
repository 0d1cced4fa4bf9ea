/**
 * Sets, lifts and lists bans: in the store, which keeps them, and on the bus, so that every
 * edge obeys at once. Any server may be asked.
 */
import { type Ban, banDocument, maxBans, maxBanText, parseBan } from '@legacystream/core/auth/ban.ts';
import { canonicalIpRange, parseIpRange } from '@legacystream/core/auth/ip-range.ts';
import { IpRangeSet } from '@legacystream/core/auth/ip-range-set.ts';
import { encodeBanChange } from '@legacystream/core/bus/ban-changes.ts';
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import { cleanText } from '@legacystream/core/titles/clean-text.ts';
import type { Log } from '@legacystream/runtime/log.ts';

export type BanRegisterDeps = {
  readonly bus: Pick<Bus, 'publish'>;
  readonly store: Pick<StateStore, 'listDocuments' | 'putDocument' | 'removeDocument'>;
  readonly clock: Clock;
  readonly subjects: Pick<Subjects, 'bans'>;
  /** Name of the operator, the only one that there is. */
  readonly operator: string;
  readonly log: Log;
};

/** A ban as an operator writes it. */
export type BanDemand = {
  readonly range: string;
  /** A whole number; absent for a ban that stands until it is lifted. */
  readonly minutes?: string | undefined;
  readonly reason?: string | undefined;
  /** Address of the operator, for the log. */
  readonly ip: string;
};

const minuteMs = 60_000;
/** Ten years. */
const maxMinutes = 5_256_000;

export class BanRegister {
  readonly #deps: BanRegisterDeps;

  constructor(deps: BanRegisterDeps) {
    this.#deps = deps;
  }

  /**
   * A ban of the very same range is replaced.
   * @throws LegacyStreamError LS_PARAMETER_INVALID, LS_BANS_FULL, LS_STORE_UNAVAILABLE
   */
  async ban(demand: BanDemand): Promise<Ban> {
    const { bus, store, clock, subjects, operator, log } = this.#deps;
    const range = readRange(demand.range);
    const minutes = readMinutes(demand.minutes);
    const createdAtMs = Math.floor(clock.wallMs());
    const ttlMs = minutes === undefined ? undefined : minutes * minuteMs;
    const ban: Ban = {
      range,
      reason: cleanText(demand.reason ?? '', maxBanText),
      by: cleanText(operator, maxBanText),
      createdAtMs,
      expiresAtMs: ttlMs === undefined ? null : createdAtMs + ttlMs,
    };
    const known = await store.listDocuments('ban');
    if (known.size >= maxBans && !known.has(range)) {
      throw new LegacyStreamError(
        'LS_BANS_FULL',
        `there are ${maxBans} bans already: lift some, or ban a range in their place`,
      );
    }
    await store.putDocument('ban', range, banDocument(ban), ttlMs === undefined ? {} : { ttlMs });
    bus.publish(subjects.bans, encodeBanChange({ op: 'ban', ban }));
    log.info('ban.added', { range, reason: ban.reason, minutes, ip: demand.ip });
    return ban;
  }

  /**
   * @returns the range in its one spelling; whether it was banned; and a wider range that still is
   * @throws LegacyStreamError LS_PARAMETER_INVALID, LS_STORE_UNAVAILABLE
   */
  async unban(
    text: string,
    ip: string,
  ): Promise<{ readonly range: string; readonly found: boolean; readonly within: string | undefined }> {
    const { bus, store, subjects, log } = this.#deps;
    const range = readRange(text);
    const found = await store.removeDocument('ban', range);
    bus.publish(subjects.bans, encodeBanChange({ op: 'unban', range }));
    log.info('ban.removed', { range, found, ip });
    const wider = (await this.list()).find((ban) => isWithin(range, ban.range));
    return { range, found, within: wider?.range };
  }

  /** Those that stand, the latest first. @throws LegacyStreamError LS_STORE_UNAVAILABLE */
  async list(): Promise<Ban[]> {
    const { store, clock } = this.#deps;
    const nowMs = clock.wallMs();
    const documents = await store.listDocuments('ban');
    const bans = [...documents].flatMap(([range, document]) => parseBan(range, document) ?? []);
    return bans
      .filter(({ expiresAtMs }) => expiresAtMs === null || expiresAtMs > nowMs)
      .sort((a, b) => b.createdAtMs - a.createdAtMs || (a.range < b.range ? -1 : 1));
  }
}

function isWithin(range: string, other: string): boolean {
  const [address = ''] = range.split('/', 1);
  return new IpRangeSet([other]).contains(address) && parseIpRange(other)!.bits <= parseIpRange(range)!.bits;
}

function readRange(text: string): string {
  const range = canonicalIpRange(text.trim());
  if (range !== undefined) return range;
  throw new LegacyStreamError(
    'LS_PARAMETER_INVALID',
    'expected an address or a range such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32',
  );
}

function readMinutes(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const minutes = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (minutes >= 1 && minutes <= maxMinutes) return minutes;
  throw new LegacyStreamError(
    'LS_PARAMETER_INVALID',
    `minutes: expected a whole number from 1 to ${maxMinutes}, or nothing for a ban without an end`,
  );
}
