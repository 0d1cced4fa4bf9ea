/**
 * Sources that come by HTTP: SOURCE (HTTP/1.0, 1.1, ICE/1.0), PUT with and without
 * `Expect: 100-continue`, POST of audio; chunked, of known length, or endless
 * (protocols §1.2–§1.5). Answers exactly what each of them waits for, and only after it is
 * admitted: the mount is claimed, or the source may wait for it.
 */
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { sourceMetaintOf } from '@legacystream/core/icy/icy-demuxer.ts';
import { isReservedPath, parseMountPath } from '@legacystream/core/mounts/mount-path.ts';
import { bodyFramingOf, createBodyDecoder } from '@legacystream/core/protocols/body-decoder.ts';
import { parseBasicAuth } from '@legacystream/core/protocols/credentials.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import {
  isUnauthenticatedProbe,
  parseSourceRequest,
  type SourceRequest,
} from '@legacystream/core/protocols/source-request.ts';
import type { Access } from '@legacystream/runtime/access.ts';
import { type ClientConnection, closeWith } from '@legacystream/runtime/client-connection.ts';
import {
  authChallenge,
  encodeRawResponse,
  sourceAccepted,
  sourceContinue,
  sourceDone,
} from '@legacystream/runtime/http/raw-response.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { SocketSource } from './socket-source.ts';
import type { SourceRegistry } from './source-registry.ts';

const wrongCodec = encodeRawResponse({ status: 415, body: 'another codec is on air\r\n' });
const unauthorized = { status: 401, body: 'You need to authenticate\r\n', headers: [authChallenge] } as const;

export class HttpSourceHandler {
  readonly #registry: SourceRegistry;
  readonly #access: Access;
  readonly #log: Log;

  constructor(registry: SourceRegistry, access: Access, log: Log) {
    this.#registry = registry;
    this.#access = access;
    this.#log = log;
  }

  /**
   * Takes a source connection.
   * @returns `next` when the connection stays open for another request, as after libshout's probe
   */
  async handle(head: RequestHead, client: ClientConnection): Promise<'taken' | 'next'> {
    const { socket, ip } = client;
    try {
      const request = parseSourceRequest(head);
      if (!request) throw new LegacyStreamError('LS_METHOD_NOT_ALLOWED', 'no source can connect here');
      const path = parseMountPath(request.rawPath);
      if (isReservedPath(path))
        throw new LegacyStreamError('LS_MOUNT_PATH_INVALID', 'mount path is reserved');
      const verdict = await this.#access.source(path, parseBasicAuth(head.headers.get('authorization')), ip);
      if (!verdict.granted) {
        if (verdict.retryAfterMs > 0) {
          throw new LegacyStreamError('LS_AUTH_RATE_LIMITED', 'too many failed logins, try again later');
        }
        if (isUnauthenticatedProbe(head) && !socket.destroyed) {
          socket.write(encodeRawResponse({ ...unauthorized, keepAlive: true }));
          return 'next';
        }
        if (head.headers.has('authorization')) {
          this.#registry.countRefusal('LS_AUTH_REQUIRED');
          this.#log.warn('source.refused', { mount: path, ip, reason: 'bad credentials' });
        }
        closeWith(socket, encodeRawResponse(unauthorized));
        return 'taken';
      }
      await this.#putOnAir(path, head, request, client);
    } catch (error) {
      this.#refuse(head, client, error);
    }
    return 'taken';
  }

  async #putOnAir(
    path: string,
    head: RequestHead,
    request: SourceRequest,
    client: ClientConnection,
  ): Promise<void> {
    const { socket } = client;
    const framing = bodyFramingOf(head);
    const admission = await this.#registry.claim(path);
    const expects = request.expectsContinue;
    const isPut = request.method !== 'SOURCE';
    // A client that expects 100 is told the outcome when its body ends; others wait for 200 before they send.
    const hears = isPut && expects;
    const decoder = createBodyDecoder(framing);
    const source = new SocketSource(socket, decoder, hears ? sourceDone : '', hears ? wrongCodec : '');
    const description = {
      path,
      protocol: request.method,
      contentType: request.contentType,
      info: request.info,
      ip: client.ip,
      userAgent: request.userAgent,
    };
    const feed = await this.#registry.open(admission, description, source).catch(async (error: unknown) => {
      await admission.release();
      throw error;
    });
    if (expects) socket.write(isPut ? sourceContinue : sourceContinue + sourceAccepted);
    else socket.write(sourceAccepted);
    source.attach(feed, client.rest, sourceMetaintOf(head.headers));
  }

  #refuse(head: RequestHead, client: ClientConnection, error: unknown): void {
    const known = error instanceof LegacyStreamError;
    const status = known ? error.status : 500;
    const reason = known ? error.message : 'internal error';
    if (known) this.#registry.countRefusal(error.code);
    this.#log.warn('source.refused', {
      target: head.target,
      ip: client.ip,
      reason,
      ...(known ? {} : { error }),
    });
    const headers = status === 429 || status === 503 ? [['Retry-After', '60'] as const] : [];
    closeWith(client.socket, encodeRawResponse({ status, body: `${reason}\r\n`, headers }));
  }
}
