/**
 * The telemetry port of a pod (design §14): `/livez` `/readyz` `/lbz` `/metrics` `/drain`.
 *
 * `/livez` answers as long as the event loop turns, and asks nothing else, so that a lost
 * dependency never restarts a pod. `/readyz` says whether the pod can serve and stays 200
 * while it drains. `/lbz` is for load balancers: 503 at once when the pod drains, is full or
 * cut off. Health answers are `{"status":"ok"|"unavailable","reasons":[…]}`. `POST /drain`
 * by the administrator sends the listeners of this pod elsewhere, `DELETE /drain` stops that.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listenTcp, type TcpListener } from './tcp-listener.ts';

export type HealthChecks = {
  /** Why this pod cannot serve; empty when it can, draining or not. */
  readonly notReady: () => readonly string[];
  /** Why no newcomer should be sent here: draining, full, cut off. */
  readonly closedToNewcomers: () => readonly string[];
};

/** What the page of metrics comes from. */
export type MetricsPage = { readonly contentType: string; render(): Promise<string> };

/** What an administrator may do to the audience of this pod. */
export type DrainControl = {
  /** @param authorization the header, as sent */
  readonly allows: (authorization: string | undefined, ip: string) => Promise<boolean>;
  readonly start: () => void;
  readonly cancel: () => void;
};

export type TelemetryOptions = {
  readonly port: number;
  readonly bindAddress: string;
  readonly checks: HealthChecks;
  readonly registry: MetricsPage;
  readonly drain?: DrainControl;
};

export interface TelemetryServer {
  /** The port once started; 0 before. */
  readonly port: number;
  /** @throws LegacyStreamError LS_LISTEN_FAILED */
  start(): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

type Answer = { readonly status: number; readonly contentType: string; readonly body: string };
type Route = () => Answer | Promise<Answer>;

const maxConnections = 64;
const json = 'application/json; charset=utf-8';

export function createTelemetryServer(options: TelemetryOptions): TelemetryServer {
  const { checks, registry, drain } = options;
  const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
    ['/livez', () => healthAnswer([])],
    ['/readyz', () => healthAnswer(ask(checks.notReady))],
    ['/lbz', () => healthAnswer([...ask(checks.notReady), ...ask(checks.closedToNewcomers)])],
    [
      '/metrics',
      async () => ({ status: 200, contentType: registry.contentType, body: await registry.render() }),
    ],
  ]);
  const server = createServer(
    { headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 30_000, maxHeaderSize: 8192 },
    (request, response) => void respond(routes, drain, request, response),
  );
  server.maxConnections = maxConnections;
  let listener: TcpListener | undefined;
  return {
    get port() {
      return listener?.port ?? 0;
    },
    async start() {
      listener ??= await listenTcp({
        host: options.bindAddress,
        port: options.port,
        name: 'telemetry',
        server,
      });
    },
    async close() {
      await listener?.close();
      server.closeAllConnections();
    },
  };
}

async function respond(
  routes: ReadonlyMap<string, Route>,
  drain: DrainControl | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = (drain && (await answerDrain(drain, request))) ?? (await answerOf(routes, request));
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  response.writeHead(answer.status, {
    'Content-Type': answer.contentType,
    'Content-Length': Buffer.byteLength(answer.body),
    'Cache-Control': 'no-store',
    // The body of any other method is not read, so the connection cannot be used again.
    ...(isRead ? {} : { Allow: 'GET, HEAD', Connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

/** @returns undefined for what has nothing to do with it */
async function answerDrain(drain: DrainControl, request: IncomingMessage): Promise<Answer | undefined> {
  const { method, url, headers, socket } = request;
  if (url !== '/drain') return undefined;
  if (method !== 'POST' && method !== 'DELETE')
    return textAnswer(405, 'POST begins a drain, DELETE stops it');
  if (!(await drain.allows(headers.authorization, socket.remoteAddress ?? ''))) {
    return textAnswer(401, 'the administrator’s user and password are needed');
  }
  if (method === 'POST') drain.start();
  else drain.cancel();
  return textAnswer(200, method === 'POST' ? 'draining' : 'not draining');
}

async function answerOf(routes: ReadonlyMap<string, Route>, request: IncomingMessage): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return textAnswer(405, 'only GET and HEAD are known here');
  const route = routes.get(request.url?.split('?', 1)[0] ?? '');
  if (!route) return textAnswer(404, `known here: ${[...routes.keys()].join(' ')}`);
  try {
    return await route();
  } catch (error) {
    return textAnswer(500, error instanceof Error ? error.message : String(error));
  }
}

/** A check that throws is a reason of its own. */
function ask(check: () => readonly string[]): readonly string[] {
  try {
    return check();
  } catch (error) {
    return [`the check failed: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function healthAnswer(reasons: readonly string[]): Answer {
  const isOk = reasons.length === 0;
  const body = JSON.stringify({ status: isOk ? 'ok' : 'unavailable', reasons });
  return { status: isOk ? 200 : 503, contentType: json, body: `${body}\n` };
}

function textAnswer(status: number, text: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
}
