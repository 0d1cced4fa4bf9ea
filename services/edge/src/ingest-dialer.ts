/**
 * Connects to an ingest: one of however many the given names stand for. Names are asked
 * anew each time, since pods come and go; every connection begins with another address, so
 * that sources spread; an address that lately failed is tried last. Bounded in time as a whole.
 */
import { lookup } from 'node:dns/promises';
import { connect, type Socket } from 'node:net';
import type { Clock } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';

export type DialLimits = {
  /** For one address to answer, and for names to be resolved. */
  readonly connectTimeoutMs: number;
  /** For all of it. */
  readonly dialTimeoutMs: number;
};

export type IngestAddress = { readonly host: string; readonly port: number };

/** Connected, or why there is no connection. */
export type Dialled = { readonly socket: Socket } | { readonly socket: undefined; readonly reason: string };

const maxAddresses = 64;
/** How long an address that failed is tried after the others. */
const avoidedMs = 10_000;
const keepAliveMs = 15_000;

export class IngestDialer {
  readonly #names: readonly IngestAddress[];
  readonly #clock: Clock;
  readonly #limits: DialLimits;
  /** Address and port → when it failed. */
  readonly #failedMs = new Map<string, number>();
  #turn = 0;

  /**
   * @param urls such as `http://ingest:8000`, with commas between several
   * @throws LegacyStreamError LS_PARAMETER_INVALID
   */
  constructor(urls: string, clock: Clock, limits: DialLimits) {
    this.#names = urls.split(',').map((url) => addressOf(url.trim()));
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Never throws. The socket has no listeners but for errors, and its other side may be half closed. */
  async dial(): Promise<Dialled> {
    const untilMs = this.#clock.monotonicMs() + this.#limits.dialTimeoutMs;
    const addresses = this.#inOrder(await this.#resolve());
    let reason = 'its name leads to no address';
    for (const address of addresses) {
      const leftMs = Math.min(this.#limits.connectTimeoutMs, untilMs - this.#clock.monotonicMs());
      if (leftMs <= 0) return { socket: undefined, reason: `${reason}; no time is left for others` };
      const result = await this.#connect(address, leftMs);
      if (typeof result !== 'string') {
        this.#failedMs.delete(keyOf(address));
        return { socket: result };
      }
      this.#avoid(keyOf(address));
      reason = `${keyOf(address)}: ${result}`;
    }
    return { socket: undefined, reason };
  }

  /** Tells that an ingest does not answer although it can be connected to. */
  reportSilent(address: IngestAddress): void {
    this.#avoid(keyOf(address));
  }

  async #resolve(): Promise<IngestAddress[]> {
    const found = await Promise.all(
      this.#names.map(async ({ host, port }) => {
        const addresses = await this.#lookUp(host);
        return addresses.map((address) => ({ host: address, port }));
      }),
    );
    return found.flat().slice(0, maxAddresses);
  }

  /** A resolver that is away answers late or never. */
  #lookUp(host: string): Promise<string[]> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(this.#limits.connectTimeoutMs, () => resolve([]));
      lookup(host, { all: true })
        .then(
          (found) => resolve(found.map(({ address }) => address)),
          () => resolve([]),
        )
        .finally(() => timer.cancel());
    });
  }

  #inOrder(addresses: readonly IngestAddress[]): IngestAddress[] {
    const first = addresses.length > 0 ? this.#turn++ % addresses.length : 0;
    const rotated = [...addresses.slice(first), ...addresses.slice(0, first)];
    const sinceMs = this.#clock.monotonicMs() - avoidedMs;
    const isAvoided = (address: IngestAddress) => (this.#failedMs.get(keyOf(address)) ?? -Infinity) > sinceMs;
    return [
      ...rotated.filter((address) => !isAvoided(address)),
      ...rotated.filter((address) => isAvoided(address)),
    ];
  }

  #avoid(key: string): void {
    // Only addresses of pods that are gone can pile up here.
    if (this.#failedMs.size >= maxAddresses) this.#failedMs.clear();
    this.#failedMs.set(key, this.#clock.monotonicMs());
  }

  /** @returns the socket, or what went wrong */
  #connect({ host, port }: IngestAddress, timeoutMs: number): Promise<Socket | string> {
    return new Promise((resolve) => {
      const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
      const timer = this.#clock.after(timeoutMs, () => fail(`no connection in ${Math.round(timeoutMs)} ms`));
      const fail = (reason: string) => {
        timer.cancel();
        socket.destroy();
        resolve(reason);
      };
      // Stays for the socket's life; a promise that is settled does not mind.
      socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
      socket.once('connect', () => {
        timer.cancel();
        socket.setKeepAlive(true, keepAliveMs);
        resolve(socket);
      });
    });
  }
}

export function keyOf({ host, port }: IngestAddress): string {
  return `${host} port ${port}`;
}

function addressOf(url: string): IngestAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'http:' || parsed.hostname === '') {
    throw new LegacyStreamError(
      'LS_PARAMETER_INVALID',
      `sources cannot be passed on to "${url}": http:// only`,
    );
  }
  // An address of IPv6 stands in brackets in a URL and nowhere else.
  return { host: parsed.hostname.replace(/^\[|\]$/g, ''), port: Number(parsed.port || 80) };
}

/** Undefined for a socket that is not connected. */
export function addressOfPeer({ remoteAddress: host, remotePort: port }: Socket): IngestAddress | undefined {
  return host && port ? { host, port } : undefined;
}
