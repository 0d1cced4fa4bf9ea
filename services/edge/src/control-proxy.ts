/**
 * `/api` and `/dashboard` of an edge are control's: requests are passed on to it and its
 * answers back (RFC 9110 §7.6), as they come and in both directions, server-sent events
 * included. Control learns who the client is from the X-Forwarded fields, which are the
 * edge's own: what a client wrote into such fields has been judged (client-address.ts) and
 * goes no further. When control is away a client is told so, as JSON below `/api`.
 */
import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { clientAddressOf } from '@legacystream/runtime/client-address.ts';
import type { Log } from '@legacystream/runtime/log.ts';

export type ControlProxyLimits = {
  readonly connectTimeoutMs: number;
  /** From the last byte of the request to the first of the answer. */
  readonly answerTimeoutMs: number;
  /** Between two pieces of an answer. Longer than control's events are silent. */
  readonly idleTimeoutMs: number;
  /** Requests at once. */
  readonly maxRequests: number;
};

export type ControlProxyOptions = {
  /** `[Control] Url`: `http://control:8080`. */
  readonly url: string;
  readonly log: Log;
  /** Of the body of a request. */
  readonly bodyBytes: number;
  readonly limits?: Partial<ControlProxyLimits>;
};

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export type ControlProxy = {
  readonly stats: { open: number; requests: number; failed: number };
  /** @returns undefined for paths that are not control's */
  readonly route: (path: string) => Handler | undefined;
  /** Ends what is open. */
  readonly close: () => void;
};

const defaultLimits: ControlProxyLimits = {
  connectTimeoutMs: 2_000,
  answerTimeoutMs: 30_000,
  idleTimeoutMs: 120_000,
  maxRequests: 256,
};

const prefixes = ['/api', '/dashboard'];
const keptConnections = 8;
/** Fields of one connection (RFC 9110 §7.6.1), and those that frame a body, which are made anew. */
const connectionFields = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const clientFields = /^(?:x-forwarded(?:-.*)?|forwarded|x-real-ip|x-client-ip|true-client-ip)$/;
const repeatable = new Set(['GET', 'HEAD']);

class UpstreamTimeout extends Error {}

/** @throws LegacyStreamError LS_PARAMETER_INVALID for a URL that cannot be connected to */
export function createControlProxy(options: ControlProxyOptions): ControlProxy {
  const { log, bodyBytes } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const base = URL.canParse(options.url) ? new URL(options.url) : undefined;
  if (!base || !/^https?:$/.test(base.protocol))
    throw new LegacyStreamError('LS_PARAMETER_INVALID', `requests cannot be passed on to "${options.url}"`);
  const isTls = base.protocol === 'https:';
  const agentOptions = {
    keepAlive: true,
    maxFreeSockets: keptConnections,
    maxSockets: limits.maxRequests,
    scheduling: 'lifo',
  } as const;
  const agent = isTls ? new HttpsAgent(agentOptions) : new Agent(agentOptions);
  const stats = { open: 0, requests: 0, failed: 0 };
  const running = new Set<ClientRequest>();

  function open(request: IncomingMessage): ClientRequest {
    const target: RequestOptions = {
      host: base!.hostname.replace(/^\[|\]$/g, ''),
      port: base!.port || (isTls ? 443 : 80),
      agent,
      method: request.method ?? 'GET',
      path: request.url ?? '/',
    };
    const outgoing = isTls ? httpsRequest(target) : httpRequest(target);
    writeFields(request, outgoing);
    running.add(outgoing);
    outgoing.once('close', () => running.delete(outgoing));
    outgoing.once('socket', (socket) => {
      if (!socket.connecting) return;
      const timer = setTimeout(
        () => outgoing.destroy(new UpstreamTimeout('no connection in time')),
        limits.connectTimeoutMs,
      );
      socket.once('connect', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
    });
    return outgoing;
  }

  function exchange(request: IncomingMessage, response: ServerResponse, isRepeated = false): void {
    const outgoing = open(request);
    const late = () => outgoing.destroy(new UpstreamTimeout('no answer in time'));
    let timer = setTimeout(late, limits.answerTimeoutMs);
    const abort = () => outgoing.destroy();
    response.once('close', abort);
    outgoing.once('close', () => {
      clearTimeout(timer);
      response.off('close', abort);
    });
    let answered: IncomingMessage | undefined;
    outgoing.once('response', (answer) => {
      answered = answer;
      clearTimeout(timer);
      timer = setTimeout(() => outgoing.destroy(), limits.idleTimeoutMs);
      answer.on('data', () => timer.refresh());
      passBack(answer, response);
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      request.unpipe(outgoing);
      if (answered?.complete || response.destroyed || response.writableEnded) return;
      // A kept connection may be closed in the moment in which it is used again.
      const isStale = outgoing.reusedSocket && error.code === 'ECONNRESET' && !response.headersSent;
      if (isStale && !isRepeated && !hasBody(request) && repeatable.has(request.method ?? '')) {
        response.off('close', abort);
        return exchange(request, response, true);
      }
      stats.failed += 1;
      log.warn('control.unreachable', { target: request.url, error: error.message });
      if (response.headersSent) return void response.destroy();
      request.resume();
      if (error instanceof UpstreamTimeout) refuse(request, response, 504, 'control did not answer in time');
      else refuse(request, response, 502, 'control cannot be reached');
    });
    if (!hasBody(request)) return void outgoing.end();
    let bytes = 0;
    request.on('data', (data: Uint8Array) => {
      bytes += data.byteLength;
      timer.refresh();
      if (bytes <= bodyBytes || response.headersSent) return;
      request.unpipe(outgoing);
      refuseBody(request, response);
      outgoing.destroy();
    });
    request.pipe(outgoing);
  }

  function refuseBody(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('Connection', 'close');
    request.resume();
    refuse(request, response, 413, `a body has at most ${bodyBytes} bytes`);
  }

  const handle: Handler = (request, response) => {
    stats.requests += 1;
    if (stats.open >= limits.maxRequests) {
      response.setHeader('Retry-After', '5');
      refuse(request, response, 503, 'too many requests at once');
      return Promise.resolve();
    }
    if (Number(request.headers['content-length'] ?? 0) > bodyBytes) {
      refuseBody(request, response);
      return Promise.resolve();
    }
    stats.open += 1;
    return new Promise((resolve, reject) => {
      response.once('close', () => {
        stats.open -= 1;
        resolve();
      });
      try {
        exchange(request, response);
      } catch (error) {
        reject(error);
      }
    });
  };

  return {
    stats,
    route: (path) =>
      prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`)) ? handle : undefined,
    close: () => {
      for (const outgoing of [...running]) outgoing.destroy();
      agent.destroy();
    },
  };
}

function writeFields(request: IncomingMessage, outgoing: ClientRequest): void {
  const { headers, headersDistinct, socket } = request;
  const named = namedBy(headers.connection);
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    if (name === 'host' || connectionFields.has(name) || named.has(name) || clientFields.test(name)) continue;
    outgoing.setHeader(name, values);
  }
  const { ip, secure, host } = clientAddressOf(socket, headers);
  if (headers.host !== undefined) outgoing.setHeader('Host', headers.host);
  if (host !== undefined) outgoing.setHeader('X-Forwarded-Host', host);
  outgoing.setHeader('X-Forwarded-For', ip);
  outgoing.setHeader('X-Forwarded-Proto', secure ? 'https' : 'http');
  if (headers['transfer-encoding'] !== undefined) outgoing.setHeader('Transfer-Encoding', 'chunked');
  else if (headers['content-length'] !== undefined)
    outgoing.setHeader('Content-Length', headers['content-length']);
}

function passBack(answer: IncomingMessage, response: ServerResponse): void {
  const named = namedBy(answer.headers.connection);
  response.statusCode = answer.statusCode ?? 502;
  for (const [name, values = []] of Object.entries(answer.headersDistinct)) {
    if (name !== 'content-length' && (connectionFields.has(name) || named.has(name))) continue;
    response.setHeader(name, values);
  }
  // An answer that is cut off must not look whole.
  answer.once('close', () => {
    if (!answer.complete) response.destroy();
  });
  // Events may be a long time in coming, and their reader waits for the head.
  response.flushHeaders();
  answer.pipe(response);
}

function refuse(request: IncomingMessage, response: ServerResponse, status: number, detail: string): void {
  const isApi = /^\/api(?:[/?]|$)/.test(request.url ?? '');
  const problem = { type: 'about:blank', title: STATUS_CODES[status], status, detail };
  const body = isApi ? `${JSON.stringify(problem)}\n` : `${detail}\r\n`;
  response.writeHead(status, {
    'Content-Type': isApi ? 'application/problem+json' : 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** The fields that belong to one connection because its sender says so. */
function namedBy(connection: string | undefined): Set<string> {
  return new Set((connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
}
