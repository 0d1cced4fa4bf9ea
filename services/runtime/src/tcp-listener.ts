/**
 * A listening TCP socket, or one plain sentence that says why there is none.
 *
 * `::` takes IPv4 and IPv6 and falls back to `0.0.0.0` where the machine has no IPv6.
 * Closing stops taking connections and leaves those that are open to their owner.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { LegacyStreamError } from '@legacystream/core/errors.ts';

export type TcpListenOptions = {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Connections that may wait to be taken. */
  readonly backlog?: number;
  /** What listens here, for messages: `telemetry`, `listeners`. */
  readonly name: string;
  /** Several processes or threads share the port, and the kernel spreads connections. */
  readonly reusePort?: boolean;
  /** The server to listen with, such as one of node:http; absent: a new one of node:net. */
  readonly server?: Server;
  /** Told of failures to take a connection, such as too many open files; they pass by themselves. */
  readonly onError?: (error: Error) => void;
};

export type TcpListener = {
  readonly server: Server;
  readonly host: string;
  readonly port: number;
  /** Resolves when no new connection can come; idempotent. */
  close(): Promise<void>;
};

const noIpv6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL']);

/** @throws LegacyStreamError LS_LISTEN_FAILED */
export async function listenTcp(options: TcpListenOptions): Promise<TcpListener> {
  const server = options.server ?? createServer();
  try {
    try {
      await listen(server, options, options.host);
    } catch (error) {
      if (options.host !== '::' || !noIpv6.has(codeOf(error))) throw error;
      await listen(server, options, '0.0.0.0');
    }
  } catch (cause) {
    throw new LegacyStreamError('LS_LISTEN_FAILED', sentenceFor(cause, options), { cause });
  }
  server.on('error', options.onError ?? (() => {}));
  const { address, port } = server.address() as AddressInfo;
  return {
    server,
    host: address,
    port,
    async close() {
      if (!server.listening) return;
      // The callback waits for the last connection, which is not what is asked for here.
      server.close();
      await new Promise((resolve) => void setImmediate(resolve));
    },
  };
}

async function listen(server: Server, options: TcpListenOptions, host: string): Promise<void> {
  const { port, backlog, reusePort } = options;
  const listening = once(server, 'listening');
  try {
    server.listen({
      host,
      port,
      ...(backlog === undefined ? {} : { backlog }),
      ...(reusePort ? { reusePort } : {}),
    });
  } catch (error) {
    // A port out of range is thrown at once; the promise of the event is never settled then.
    server.emit('error', error);
  }
  await listening;
}

function sentenceFor(error: unknown, { host, port, name }: TcpListenOptions): string {
  const what = `cannot listen on port ${port}`;
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `${what}: another program is using it (wanted for ${name})`;
    case 'EACCES':
    case 'EPERM':
      return `${what}: this user may not open it (wanted for ${name}; ports below 1024 need more rights)`;
    case 'EADDRNOTAVAIL':
      return `${what}: this machine has no address ${host} (wanted for ${name})`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${what}: "${host}" is not an address or a name that resolves (wanted for ${name})`;
    case 'ERR_SOCKET_BAD_PORT':
      return `${what}: a port is a number from 0 to 65535 (wanted for ${name})`;
    default:
      return `${what}: ${error instanceof Error ? error.message : String(error)} (wanted for ${name})`;
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}
