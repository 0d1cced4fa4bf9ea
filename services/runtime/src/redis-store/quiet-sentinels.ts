/**
 * Finds the primary by Sentinels, as the client does by itself, but silently, and without
 * holding up the end of the process.
 *
 * The client keeps a connection to every Sentinel in order to hear of failovers. It watches
 * none of them for errors, and writes those to standard error, past the log: one Sentinel that
 * is down would print a stack every minute. They need no attention: the others are there, and
 * when none is, the connection to the store says so.
 */
import { type RedisOptions, SentinelConnector } from 'ioredis';

type Sentinel = { on(event: 'error', listener: () => void): unknown };
type Connect = (endpoint: unknown, options?: RedisOptions) => Sentinel;

export class QuietSentinels extends SentinelConnector {
  // Options are unknown to the client where it takes a connector of ours.
  constructor(options: unknown) {
    const { disconnectTimeout } = options as RedisOptions;
    super(options as RedisOptions);
    // The method is private to the client; without it, the connector works and is loud.
    const self = this as unknown as { connectToSentinel?: Connect };
    const connect = self.connectToSentinel;
    if (!connect) return;
    self.connectToSentinel = (endpoint, more) => {
      const sentinel = connect.call(this, endpoint, { ...more, disconnectTimeout });
      sentinel.on('error', () => {});
      return sentinel;
    };
  }
}
