/**
 * One port, every dialect (design §8): reads the first bytes of a connection and gives it
 * to whoever speaks that. Encoders' requests, which node:http would refuse, and requests
 * for streams are read here; everything else goes to node:http as if it had never been touched.
 *
 * Until a connection has said what it wants it is bounded in bytes, lines and time.
 */
import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import { notedPeer, notePeer, type Peer, passPeerOn } from '../client-address.ts';
import { type ClientConnection, closeWith, type ForwardableConnection } from '../client-connection.ts';
import { encodeRawResponse } from '../http/raw-response.ts';
import { PendingConnection } from './pending-connection.ts';
import { ProxyPreamble, type ProxyRules } from './proxy-preamble.ts';

/**
 * What became of a request: `taken`, the handler owns the socket; `next`, it was answered
 * and the connection waits for another request; `pass`, it is not for this handler.
 */
export type Handled = 'taken' | 'next' | 'pass';

export type FrontDoorRoutes = {
  /** Encoders by HTTP. */
  readonly source: (head: RequestHead, client: ForwardableConnection) => Promise<Handled>;
  /** Encoders by SHOUTcast v1, with their first line. */
  readonly shoutcast: (line: string, client: ForwardableConnection) => Promise<void>;
  /** GET, HEAD and OPTIONS of streams. */
  readonly stream: (head: RequestHead, client: ClientConnection) => Promise<Handled>;
  /**
   * The whole answer to a request that repeats another on its connection, from memory; undefined
   * for whatever takes a thought, which then goes the ordinary way.
   */
  readonly repeated?: (head: RequestHead, client: ClientConnection) => Uint8Array | undefined;
  /** Everything else. */
  readonly http: HttpServer;
};

export type FrontDoorLimits = {
  readonly headBytes: number;
  readonly headLines: number;
  readonly targetBytes: number;
  readonly headTimeoutMs: number;
  /** Connections open at once, whatever they have become. */
  readonly maxConnections: number;
};

export type FrontDoorStats = {
  connections: number;
  /** Requests and logins read here, and connections handed to node:http. */
  requests: number;
  malformed: number;
  timedOut: number;
};

const busy = encodeRawResponse({
  status: 503,
  body: 'Server is full\r\n',
  headers: [['Retry-After', '10']],
});

function ignoreError(): void {}

export class FrontDoor {
  readonly stats: FrontDoorStats = { connections: 0, requests: 0, malformed: 0, timedOut: 0 };
  readonly routes: FrontDoorRoutes;
  readonly limits: FrontDoorLimits;
  #tls: TlsServer | undefined;
  readonly #pending = new Set<{ abandon(): void }>();
  /** Peers of TLS handshakes under way, by the two ends of the connection, which both sockets know. */
  readonly #handshakes = new Map<string, Peer>();
  #open = 0;
  /** One function for all sockets: a closure for each would cost memory for each. */
  readonly #onClose = (): void => {
    this.#open -= 1;
  };

  constructor(routes: FrontDoorRoutes, limits: FrontDoorLimits) {
    this.routes = routes;
    this.limits = limits;
    routes.http.on('clientError', ({ code }: NodeJS.ErrnoException) => {
      if (code?.startsWith('HPE_')) this.stats.malformed += 1;
      else if (code === 'ERR_HTTP_REQUEST_TIMEOUT') this.stats.timedOut += 1;
    });
  }

  get isFull(): boolean {
    return this.#open >= this.limits.maxConnections;
  }

  /** TLS is spoken on every port once there is a certificate. */
  useTls(server: TlsServer): void {
    this.#tls = server;
    // The connection has been counted when it came; what comes out of it is the same one.
    server.on('secureConnection', (socket) => {
      const ends = endsOf(socket);
      const peer = this.#handshakes.get(ends);
      if (peer) passPeerOn(peer, socket);
      this.#handshakes.delete(ends);
      this.#read(socket);
    });
  }

  /**
   * Takes a new connection, or one that is to read another request.
   * @param rules for a new one where proxies may stand between
   */
  accept(socket: Socket, rules?: ProxyRules): void {
    this.stats.connections += 1;
    if (this.isFull) return closeWith(socket, busy);
    this.#open += 1;
    socket.on('close', this.#onClose);
    socket.setNoDelay(true);
    if (!rules) return this.#read(socket);
    if (rules.mode !== 'off') return this.#readPreamble(socket, rules);
    notePeer(socket, rules.trusted);
    this.#read(socket);
  }

  /** A connection was told what it is, or has gone. */
  settled(pending: { abandon(): void }): void {
    this.#pending.delete(pending);
  }

  /** @returns false when there is no certificate to answer with */
  startTls(socket: Socket): boolean {
    if (!this.#tls) return false;
    const peer = notedPeer(socket);
    if (peer) {
      const ends = endsOf(socket);
      this.#handshakes.set(ends, peer);
      socket.once('close', () => {
        if (this.#handshakes.get(ends) === peer) this.#handshakes.delete(ends);
      });
    }
    return this.#tls.emit('connection', socket);
  }

  #readPreamble(socket: Socket, rules: ProxyRules): void {
    const preamble = new ProxyPreamble(socket, rules, this.limits.headTimeoutMs, (outcome) => {
      this.#pending.delete(preamble);
      if (outcome === 'refused') this.stats.malformed += 1;
      else if (outcome === 'late') this.stats.timedOut += 1;
      else if (outcome !== 'gone') this.#read(socket, outcome.rest);
    });
    this.#pending.add(preamble);
    preamble.read();
  }

  #read(socket: Socket, begun?: Uint8Array): void {
    // Stays for the socket's life: an error after its owner let go must not end the process.
    // No closure here or below: it would keep what it was made beside for as long as the socket.
    socket.on('error', ignoreError);
    const pending = new PendingConnection(this, socket);
    this.#pending.add(pending);
    pending.read(begun);
  }

  /** Ends the connections that have not asked for anything yet. */
  close(): void {
    for (const pending of [...this.#pending]) pending.abandon();
  }
}

function endsOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}
