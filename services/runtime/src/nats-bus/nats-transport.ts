/**
 * The TCP or TLS transport of the NATS client, which gives back its socket when a
 * connection does not come about: a server that accepts and then says nothing would
 * otherwise keep one more socket with every attempt.
 */
import {
  type NatsConnection,
  NatsConnectionImpl,
  type NodeConnectionOptions,
  setTransportFactory,
} from '@nats-io/transport-node';
import { NodeTransport, nodeResolveHost } from '@nats-io/transport-node/lib/node_transport.js';

const handshakeMs = 2_500;

class GivingTransport extends NodeTransport {
  override async connect(
    to: { hostname: string; port: number; tlsName: string },
    options: NodeConnectionOptions,
  ): Promise<void> {
    const timer = setTimeout(() => this.discard(), handshakeMs);
    try {
      await super.connect(to, options);
    } catch (error) {
      this.discard();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** One attempt at each server; settles within seconds for each of them. */
export function connectOnce(options: NodeConnectionOptions): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new GivingTransport(), dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect({
    ...options,
    timeout: handshakeMs + 200,
    reconnect: false,
    waitOnFirstConnect: false,
    // A connection is watched by its own pings (see ConfirmedWrites); these never fire.
    pingInterval: 2 ** 31 - 1,
    noAsyncTraces: true,
    ignoreAuthErrorAbort: true,
  } as Parameters<typeof NatsConnectionImpl.connect>[0]);
}
