/**
 * What node:http hands over: finds who answers, keeps the access log, and gives the socket
 * of a request for a stream, made on a connection that had pages before, to the streams.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '@legacystream/core/clock.ts';
import { hasBody } from '@legacystream/core/protocols/body-decoder.ts';
import { parseBasicAuth } from '@legacystream/core/protocols/credentials.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import type { AccessLog } from '../access-log.ts';
import { clientAddressOf } from '../client-address.ts';
import { type ClientConnection, closeWith } from '../client-connection.ts';
import type { Handled } from '../front-door/front-door.ts';
import type { Log } from '../log.ts';
import { detachSocket, giveBack, isDetached } from './detach-socket.ts';

export type PageHandlerDeps = {
  readonly log: Log;
  readonly accessLog: AccessLog | undefined;
  readonly server: string;
  readonly clock: Clock;
  readonly takesStream: (target: string) => boolean;
  readonly handleStream: (head: RequestHead, client: ClientConnection) => Promise<Handled>;
  /** Takes back a connection that is to read another request. */
  readonly resume: (socket: Socket) => void;
  readonly route: (target: string) => (request: IncomingMessage, response: ServerResponse) => Promise<void>;
};

const streamMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

export function createPageHandler(
  deps: PageHandlerDeps,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    if (isDetached(request.socket)) return response.detachSocket(request.socket);
    const target = request.url ?? '/';
    if (streamMethods.has(request.method ?? '') && deps.takesStream(target))
      return void handOver(deps, request, response);
    response.setHeader('Server', deps.server);
    logWhenDone(deps, request, response);
    deps
      .route(target)(request, response)
      .catch((error: unknown) => {
        deps.log.error('request.failed', { target, error });
        if (response.headersSent) return response.destroy();
        response.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8' }).end('Internal error\r\n');
      });
  };
}

async function handOver(
  deps: PageHandlerDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const head: RequestHead = {
    method: request.method ?? 'GET',
    target: request.url ?? '/',
    protocol: request.httpVersion === '1.1' ? 'HTTP/1.1' : 'HTTP/1.0',
    headers: new Map(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
  };
  // A request that came in one piece with the one before waits until that is answered.
  if (!response.socket) await once(response, 'socket');
  const socket = detachSocket(request, response);
  const client = { socket, ip: clientAddressOf(socket, request.headers).ip, rest: new Uint8Array(0) };
  try {
    if ((await deps.handleStream(head, client)) !== 'next') return;
    // A body that nobody asked for must not be read as the next request.
    if (hasBody(head.headers)) return closeWith(socket, '');
    giveBack(socket);
    deps.resume(socket);
  } catch (error) {
    deps.log.error('request.failed', { target: head.target, error });
    socket.destroy();
  }
}

function logWhenDone(deps: PageHandlerDeps, request: IncomingMessage, response: ServerResponse): void {
  const { accessLog, clock } = deps;
  if (!accessLog) return;
  const startedMs = clock.monotonicMs();
  const { ip } = clientAddressOf(request.socket, request.headers);
  response.once('close', () =>
    accessLog.record({
      ip,
      user: parseBasicAuth(request.headers.authorization)?.user,
      method: request.method ?? '-',
      target: request.url ?? '-',
      protocol: `HTTP/${request.httpVersion}`,
      status: response.statusCode,
      bytes: Number(response.getHeader('content-length') ?? 0),
      referer: request.headers.referer,
      userAgent: request.headers['user-agent'],
      seconds: Math.floor((clock.monotonicMs() - startedMs) / 1000),
    }),
  );
}
