/**
 * The node:http server behind the front door: bounded like it, closed politely, its
 * errors answered in words.
 */
import { createServer, type RequestListener, type Server } from 'node:http';

export type HttpServerLimits = { readonly headBytes: number; readonly headTimeoutMs: number };

const keepAliveMs = 15_000;
const requestTimeoutMs = 30_000;

export function createHttpServer(limits: HttpServerLimits, listener: RequestListener): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.headBytes,
      headersTimeout: limits.headTimeoutMs,
      requestTimeout: Math.max(requestTimeoutMs, limits.headTimeoutMs),
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: 5_000,
    },
    listener,
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') return socket.destroy();
    const status =
      error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
    socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  });
  return server;
}
