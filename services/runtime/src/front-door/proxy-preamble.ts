/**
 * The first bytes of a connection that comes by a proxy: reads the PROXY header, notes the
 * client that it names, and gives back every byte after it. Only a trusted proxy is
 * believed; a header from anybody else ends the connection, as does one that is malformed
 * or, where it is required, missing. Bounded in bytes by the parser, and in time.
 */
import type { Socket } from 'node:net';
import type { IpRangeSet } from '@legacystream/core/auth/ip-range-set.ts';
import { type ProxyHeader, ProxyProtocolParser } from '@legacystream/core/protocols/proxy-protocol.ts';
import { canonicalAddress, notePeer } from '../client-address.ts';

/** What a port expects of the proxies before it. */
export type ProxyRules = {
  readonly mode: 'off' | 'optional' | 'required';
  readonly trusted: IpRangeSet;
  /** Told of each connection that is refused. */
  readonly onRefused: (ip: string, reason: string) => void;
};

/** `gone`: the other side closed without having said anything wrong, as health checks do. */
export type PreambleOutcome = { readonly rest: Uint8Array } | 'refused' | 'late' | 'gone';

function ignoreError(): void {}

export class ProxyPreamble {
  readonly #socket: Socket;
  readonly #rules: ProxyRules;
  readonly #timeoutMs: number;
  readonly #onOutcome: (outcome: PreambleOutcome) => void;
  readonly #parser = new ProxyProtocolParser();
  readonly #ip: string;
  readonly #isTrusted: boolean;
  readonly #onData = (data: Uint8Array): void => this.#take(data);
  readonly #onGone = (): void => this.#end('gone');
  #timer: NodeJS.Timeout | undefined;

  /** @param onOutcome told once; except with `rest`, the socket is destroyed */
  constructor(
    socket: Socket,
    rules: ProxyRules,
    timeoutMs: number,
    onOutcome: (outcome: PreambleOutcome) => void,
  ) {
    this.#socket = socket;
    this.#rules = rules;
    this.#timeoutMs = timeoutMs;
    this.#onOutcome = onOutcome;
    this.#ip = canonicalAddress(socket.remoteAddress);
    this.#isTrusted = rules.trusted.contains(this.#ip);
  }

  read(): void {
    // Health checks say their word and reset the connection, often before it is accepted. By then
    // nothing tells who it was, and nobody is there to be refused.
    if (this.#socket.remoteAddress === undefined) return this.#end('gone');
    // Whatever a stranger sends here, it would not be believed.
    if (this.#rules.mode === 'required' && !this.#isTrusted) return this.#refuse('it is no trusted proxy');
    this.#timer = setTimeout(() => this.#end('late'), this.#timeoutMs);
    this.#timer.unref();
    this.#socket.on('error', ignoreError);
    this.#socket.on('data', this.#onData).once('end', this.#onGone).once('close', this.#onGone);
    this.#socket.resume();
  }

  abandon(): void {
    this.#end('gone');
  }

  #take(data: Uint8Array): void {
    const result = this.#parser.push(data);
    switch (result.type) {
      case 'need-more':
        return;
      case 'malformed':
        return this.#refuse(`its PROXY header is malformed: ${result.reason}`);
      case 'absent':
        if (this.#rules.mode === 'required') return this.#refuse('it sent no PROXY header');
        return this.#handOver(result.rest);
      default:
        if (!this.#isTrusted) return this.#refuse('it sent a PROXY header and is no trusted proxy');
        return this.#handOver(result.rest, result.header);
    }
  }

  #handOver(rest: Uint8Array, header?: ProxyHeader): void {
    const { source } = header ?? {};
    notePeer(
      this.#socket,
      this.#rules.trusted,
      source && { ip: source.address, secure: header?.tls ?? false },
    );
    this.#letGo();
    this.#socket.off('error', ignoreError);
    this.#onOutcome({ rest });
  }

  #refuse(reason: string): void {
    this.#rules.onRefused(this.#ip, reason);
    this.#end('refused');
  }

  #end(outcome: 'refused' | 'late' | 'gone'): void {
    this.#letGo();
    this.#socket.destroy();
    this.#onOutcome(outcome);
  }

  /** Stops reading; what still comes stays in the socket for its next owner. */
  #letGo(): void {
    clearTimeout(this.#timer);
    this.#socket.off('data', this.#onData).off('end', this.#onGone).off('close', this.#onGone);
    this.#socket.pause();
  }
}
