/**
 * HTTP response heads for sockets that are written raw: to encoders, whose answers have
 * to be exact to the byte (protocols §1.2), and to listeners.
 */
const reasons: Readonly<Record<number, string>> = {
  200: 'OK',
  204: 'No Content',
  206: 'Partial Content',
  302: 'Found',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  411: 'Length Required',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

export const sourceAccepted = 'HTTP/1.0 200 OK\r\n\r\n';
export const sourceContinue = 'HTTP/1.1 100 Continue\r\n\r\n';
export const sourceDone = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

export function reasonOf(status: number): string {
  return reasons[status] ?? 'Unknown';
}

export type RawResponse = {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
  readonly headers?: readonly (readonly [string, string])[];
  /** Default: the connection closes after the answer. */
  readonly keepAlive?: boolean;
};

/** A whole response with an exact Content-Length. */
export function encodeRawResponse(response: RawResponse): string {
  const {
    status,
    body,
    contentType = 'text/plain; charset=utf-8',
    headers = [],
    keepAlive = false,
  } = response;
  const lines = [`HTTP/1.1 ${status} ${reasonOf(status)}`];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  if (status !== 204 || body !== '') lines.push(`Content-Type: ${contentType}`);
  lines.push(
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Connection: ${keepAlive ? 'Keep-Alive' : 'close'}`,
  );
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

export const authChallenge = ['WWW-Authenticate', 'Basic realm="LegacyStream", charset="UTF-8"'] as const;
