/**
 * Encoders that come to an edge are passed on to an ingest (design §9, last point): a
 * PROXY header tells it who they are (protocols §9), the bytes that were read here follow
 * as they came, and from then on everything goes both ways untouched: what the encoder is
 * answered, `100 Continue`, `401`, `OK2` or anything else, is the ingest's own word.
 *
 * Each side's end is told to the other, half a connection at a time; what neither side ends
 * is ended here. Only when no ingest answers does the edge speak for itself.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { encodeProxyHeader } from '@legacystream/core/protocols/proxy-protocol.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import { canonicalAddress, clientAddressOf, forwardingFields } from '@legacystream/runtime/client-address.ts';
import { closeWith, type ForwardableConnection } from '@legacystream/runtime/client-connection.ts';
import type { Handled } from '@legacystream/runtime/front-door/front-door.ts';
import { encodeRawResponse } from '@legacystream/runtime/http/raw-response.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { OncePerInterval } from '@legacystream/runtime/once-per-interval.ts';
import { addressOfPeer, type DialLimits, IngestDialer, keyOf } from './ingest-dialer.ts';
import { IngestWatch, type WatchLimits } from './ingest-watch.ts';

export type SpliceLimits = DialLimits &
  WatchLimits & {
    /** For an ingest that took the connection to say its first word: it may ask others who the source is. */
    readonly answerTimeoutMs: number;
    /** Without a byte in either direction. Longer than ingest waits for a source, which is to end it. */
    readonly idleTimeoutMs: number;
    /** From the end of one direction to that of the other. */
    readonly halfOpenTimeoutMs: number;
  };

export const defaultSpliceLimits: SpliceLimits = {
  connectTimeoutMs: 2_000,
  dialTimeoutMs: 5_000,
  answerTimeoutMs: 15_000,
  idleTimeoutMs: 60_000,
  halfOpenTimeoutMs: 10_000,
  probeEveryMs: 5_000,
  probeTimeoutMs: 3_000,
};

export type SpliceStats = {
  /** Sources that are passed on now. */
  open: number;
  /** Sources that ever were. */
  opened: number;
  /** Sources that no ingest answered. */
  refused: number;
  bytesToIngest: number;
  bytesFromIngest: number;
};

export type SourceSpliceDeps = {
  /** `[Ingest] Url`: `http://ingest:8000`, with commas between several. */
  readonly urls: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<SpliceLimits>;
};

const reportIntervalMs = 10_000;
const keepAliveMs = 15_000;
/** What was said before this has reached the encoder, or never will. */
const deliveredMs = 2_000;

const unavailable = 'no server for sources can be reached, try again\r\n';
const httpRefusal = encodeRawResponse({
  status: 503,
  body: unavailable,
  headers: [['Retry-After', '5']],
});

export class SourceSplice {
  readonly stats: SpliceStats = { open: 0, opened: 0, refused: 0, bytesToIngest: 0, bytesFromIngest: 0 };
  readonly clock: Clock;
  readonly limits: SpliceLimits;
  readonly #log: Log;
  readonly #dialer: IngestDialer;
  readonly #watch: IngestWatch;
  readonly #reports: OncePerInterval;
  readonly #open = new Set<SplicedPair>();
  #closed = false;

  /** @throws LegacyStreamError LS_PARAMETER_INVALID for addresses that cannot be connected to */
  constructor({ urls, clock, log, limits }: SourceSpliceDeps) {
    this.clock = clock;
    this.limits = { ...defaultSpliceLimits, ...limits };
    this.#log = log;
    this.#dialer = new IngestDialer(urls, clock, this.limits);
    this.#watch = new IngestWatch(clock, this.limits, (ingest, sources) => {
      const name = keyOf(ingest);
      this.#dialer.reportSilent(ingest);
      this.#log.warn('ingest.lost', { ingest: name, sources }, `${name} is silent: its sources are let go`);
    });
    this.#reports = new OncePerInterval(clock, reportIntervalMs);
  }

  async handleHttp(head: RequestHead, client: ForwardableConnection): Promise<Handled> {
    const { socket, received, rest } = client;
    const headBytes = received.subarray(0, received.byteLength - rest.byteLength);
    const fields = forwardingFields(socket, headBytes, head.headers);
    await this.#passOn(client, clientAddressOf(socket, fields).secure, httpRefusal);
    return 'taken';
  }

  /** @param _line is among the bytes that are passed on */
  async handleShoutcast(_line: string, client: ForwardableConnection): Promise<void> {
    await this.#passOn(client, clientAddressOf(client.socket).secure, unavailable);
  }

  /** Lets every source go, so that its encoder can come back elsewhere. */
  close(): void {
    this.#closed = true;
    for (const pair of [...this.#open]) pair.end();
    this.#reports.close();
  }

  /** A pair is over. */
  settled(pair: SplicedPair): void {
    if (this.#open.delete(pair)) this.stats.open -= 1;
  }

  /** @returns what ends the watch */
  watch(ingest: Socket, lost: () => void): () => void {
    const address = addressOfPeer(ingest);
    // A socket that is closed already tells so itself.
    return address ? this.#watch.add(address, lost) : () => {};
  }

  /** An ingest took a connection and had nothing to say. */
  unanswered(ip: string, ingest: Socket, reason: string): void {
    const address = addressOfPeer(ingest);
    if (address) this.#dialer.reportSilent(address);
    this.#refused(ip, reason);
  }

  async #passOn(client: ForwardableConnection, secure: boolean, refusal: string): Promise<void> {
    const { socket, ip, received } = client;
    const header = headerFor(client, secure);
    const dialled = await this.#dialer.dial();
    const ingest = dialled.socket;
    if (socket.destroyed || this.#closed) {
      ingest?.destroy();
      socket.destroy();
      return;
    }
    if (!ingest) {
      this.#refused(ip, dialled.reason);
      return closeWith(socket, refusal);
    }
    this.stats.open += 1;
    this.stats.opened += 1;
    const pair = new SplicedPair(this, { socket, ip, refusal }, ingest);
    this.#open.add(pair);
    pair.start(Buffer.concat([header, received]));
  }

  #refused(ip: string, reason: string): void {
    this.stats.refused += 1;
    this.#reports.report((suppressed) =>
      this.#log.warn('ingest.unreachable', { ip, reason, suppressed }, `no ingest took a source: ${reason}`),
    );
  }
}

type PairedClient = { readonly socket: Socket; readonly ip: string; readonly refusal: string };

/** An encoder's connection and the one to its ingest, tied together until both have ended. */
class SplicedPair {
  readonly #splice: SourceSplice;
  readonly #client: PairedClient;
  readonly #ingest: Socket;
  #timer: Timer | undefined;
  #endWatch: (() => void) | undefined;
  #lastWordMs: number | undefined;
  #isOver = false;

  constructor(splice: SourceSplice, client: PairedClient, ingest: Socket) {
    this.#splice = splice;
    this.#client = client;
    this.#ingest = ingest;
  }

  /** @param opening what the ingest is told first */
  start(opening: Uint8Array): void {
    const { clock, limits, stats } = this.#splice;
    const { socket } = this.#client;
    const ingest = this.#ingest;
    socket.setKeepAlive(true, keepAliveMs);
    this.#timer = clock.after(limits.answerTimeoutMs, () => this.#refuse('it did not answer in time'));
    ingest.setTimeout(limits.idleTimeoutMs, () => this.end());
    this.#endWatch = this.#splice.watch(ingest, () => this.end());
    ingest.on('data', (data) => {
      stats.bytesFromIngest += data.byteLength;
      this.#lastWordMs = clock.monotonicMs();
    });
    ingest.once('data', (data) => this.#beginAnswer(data));
    ingest.once('end', () => this.#onIngestEnd());
    ingest.once('close', () => this.#onIngestClose());
    socket.on('data', (data) => {
      stats.bytesToIngest += data.byteLength;
    });
    socket.once('error', () => this.#onClientGone());
    socket.once('close', () => this.#onClientGone());
    if (socket.readableEnded) this.#boundHalfOpen();
    else socket.once('end', () => this.#boundHalfOpen());
    stats.bytesToIngest += opening.byteLength;
    ingest.write(opening);
    socket.pipe(ingest);
  }

  /** Ends both sides, what was said before included. */
  end(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#ingest.destroy();
    if (this.#lastWordMs === undefined) closeWith(this.#client.socket, this.#client.refusal);
    else this.#dismissClient();
  }

  /** Until now the ingest could still turn out not to answer at all. */
  #beginAnswer(data: Uint8Array): void {
    this.#timer?.cancel();
    const { socket } = this.#client;
    socket.write(data);
    this.#ingest.pipe(socket);
    if (socket.readableEnded) this.#boundHalfOpen();
  }

  #onIngestEnd(): void {
    if (this.#isOver) return;
    if (this.#lastWordMs === undefined) this.#refuse('it closed without an answer');
    else this.#boundHalfOpen();
  }

  #onIngestClose(): void {
    if (this.#isOver) return;
    if (this.#lastWordMs === undefined) return this.#refuse('it closed without an answer');
    this.#finish();
    this.#dismissClient();
  }

  #onClientGone(): void {
    if (this.#isOver) return;
    this.#finish();
    // What the encoder had sent is still for its listeners; an ingest that does not take it is not waited for.
    const { clock, limits } = this.#splice;
    const timer = clock.after(limits.halfOpenTimeoutMs, () => this.#ingest.destroy());
    this.#ingest.once('close', () => timer.cancel());
    this.#ingest.resume();
    this.#ingest.destroySoon();
  }

  #refuse(reason: string): void {
    if (this.#isOver) return;
    this.#finish();
    this.#splice.unanswered(this.#client.ip, this.#ingest, reason);
    this.#ingest.destroy();
    closeWith(this.#client.socket, this.#client.refusal);
  }

  /** A last answer must not be lost in a reset; an encoder on air learns at once that it is off. */
  #dismissClient(): void {
    const { socket } = this.#client;
    const isDelivered = this.#splice.clock.monotonicMs() - (this.#lastWordMs ?? 0) > deliveredMs;
    if (isDelivered && socket.writableLength === 0) socket.destroy();
    else closeWith(socket, '');
  }

  #boundHalfOpen(): void {
    if (this.#isOver || this.#lastWordMs === undefined) return;
    this.#timer?.cancel();
    this.#timer = this.#splice.clock.after(this.#splice.limits.halfOpenTimeoutMs, () => this.end());
  }

  #finish(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#endWatch?.();
    this.#ingest.setTimeout(0);
    this.#client.socket.unpipe(this.#ingest);
    this.#ingest.unpipe(this.#client.socket);
    this.#splice.settled(this);
  }
}

/** Who the client is and whether it speaks TLS, for an ingest that trusts this edge. */
function headerFor({ socket, ip }: ForwardableConnection, tls: boolean): Uint8Array {
  // The port is known only of those who connected to us themselves.
  const isDirect = ip === canonicalAddress(socket.remoteAddress);
  return encodeProxyHeader({
    source: { address: withoutZone(ip), port: isDirect ? (socket.remotePort ?? 0) : 0 },
    destination: {
      address: withoutZone(canonicalAddress(socket.localAddress)),
      port: socket.localPort ?? 0,
    },
    tls,
  });
}

/** `fe80::1%eth0`: on another machine the zone means nothing. */
function withoutZone(address: string): string {
  return address.split('%', 1)[0] ?? address;
}
