/**
 * The public ports of the process: HTTP with every dialect, SHOUTcast v1 one above it, and
 * HTTPS where there is a certificate. Behind a TCP proxy all of them may begin with its
 * PROXY header.
 */
import { createServer } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import { IpRangeSet } from '@legacystream/core/auth/ip-range-set.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { FrontDoor } from '@legacystream/runtime/front-door/front-door.ts';
import type { ProxyRules } from '@legacystream/runtime/front-door/proxy-preamble.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { listenTcp, type TcpListener } from '@legacystream/runtime/tcp-listener.ts';
import { createTlsServer, reloadCertificate } from '@legacystream/runtime/tls.ts';

/** Connections that may wait to be taken: a storm of thousands a second must not be refused. */
const backlog = 4096;
/** A proxy that is refused tries again and again. */
const reportIntervalMs = 60_000;

export class PublicPorts {
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #shared: boolean;
  #http: TcpListener | undefined;
  #shoutcast: TcpListener | undefined;
  #https: TcpListener | undefined;
  #tls: TlsServer | undefined;
  readonly #trusted: IpRangeSet;
  #nextReportMs = 0;

  /** @param shared other threads listen on the same ports, and the kernel spreads connections */
  constructor(settings: Settings, log: Log, shared = false) {
    this.#settings = settings;
    this.#log = log;
    this.#shared = shared;
    this.#trusted = new IpRangeSet(settings.server.trustedProxies);
  }

  get isOpen(): boolean {
    return this.#http !== undefined;
  }

  /** The port once open; before, the one that is wanted. */
  get http(): number {
    return this.#http?.port ?? this.#settings.server.httpPort;
  }

  get shoutcast(): number | undefined {
    return this.#shoutcast?.port;
  }

  get https(): number | undefined {
    return this.#https?.port;
  }

  /** @throws LegacyStreamError LS_LISTEN_FAILED, LS_CONFIG_UNREADABLE */
  async open(door: FrontDoor): Promise<void> {
    const { server, ssl } = this.#settings;
    if (ssl.enabled) this.#openTls(door);
    const { proxyProtocol, httpsProxyProtocol } = server;
    this.#http = await this.#listen(door, server.httpPort, 'HTTP', proxyProtocol);
    await this.#openShoutcast(door, this.#http.port);
    if (this.#tls) this.#https = await this.#listen(door, server.httpsPort, 'HTTPS', httpsProxyProtocol);
  }

  async close(): Promise<void> {
    await Promise.all([this.#http?.close(), this.#shoutcast?.close(), this.#https?.close()]);
  }

  reloadCertificate(): void {
    if (!this.#tls) return;
    try {
      reloadCertificate(this.#tls, this.#settings.ssl);
      this.#log.info('certificate.reloaded', { path: this.#settings.ssl.certificatePath });
    } catch (error) {
      this.#log.error('certificate.refused', { error }, 'the certificate in use stays');
    }
  }

  #openTls(door: FrontDoor): void {
    const { ssl, letsEncrypt } = this.#settings;
    try {
      this.#tls = createTlsServer(ssl);
      door.useTls(this.#tls);
    } catch (error) {
      // A certificate that is still to be obtained is no reason to stay off the air.
      if (!(ssl.autoRenew && letsEncrypt.domains.length > 0)) throw error;
      this.#log.warn('certificate.missing', { error }, 'HTTPS is off until there is a certificate');
    }
  }

  #reportRefused(ip: string, reason: string): void {
    const nowMs = performance.now();
    if (nowMs < this.#nextReportMs) return;
    this.#nextReportMs = nowMs + reportIntervalMs;
    this.#log.warn('proxy.refused', { ip, reason }, `a connection from ${ip} is refused: ${reason}`);
  }

  #proxyRules(mode: ProxyRules['mode']): ProxyRules | undefined {
    if (mode === 'off' && this.#trusted.isEmpty) return undefined;
    return { mode, trusted: this.#trusted, onRefused: (ip, reason) => this.#reportRefused(ip, reason) };
  }

  async #openShoutcast(door: FrontDoor, httpPort: number): Promise<void> {
    const wanted = this.#settings.server.shoutcastPort;
    if (wanted === 'off') return;
    const isAuto = wanted === 'auto';
    const port = isAuto ? (this.#settings.server.httpPort === 0 ? 0 : httpPort + 1) : wanted;
    try {
      const { shoutcastProxyProtocol } = this.#settings.server;
      this.#shoutcast = await this.#listen(door, port, 'SHOUTcast sources', shoutcastProxyProtocol);
    } catch (error) {
      if (!isAuto || !(error instanceof LegacyStreamError)) throw error;
      this.#log.warn(
        'port.unavailable',
        { port },
        `${error.message}; SHOUTcast sources can use the HTTP port`,
      );
    }
  }

  async #listen(
    door: FrontDoor,
    port: number,
    name: string,
    mode: ProxyRules['mode'] | 'same',
  ): Promise<TcpListener> {
    const { bindAddress, proxyProtocol } = this.#settings.server;
    const rules = this.#proxyRules(mode === 'same' ? proxyProtocol : mode);
    const server = createServer({ allowHalfOpen: true }, (socket) => door.accept(socket, rules));
    const onError = (error: Error) => this.#log.error('accept.failed', { port, error });
    return listenTcp({ host: bindAddress, port, backlog, name, server, onError, reusePort: this.#shared });
  }
}
