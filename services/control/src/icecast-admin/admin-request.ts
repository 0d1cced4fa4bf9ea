/**
 * A request to the admin interface, by GET or by an urlencoded POST: both spellings of a
 * parameter count, the query first. Values stay bytes until their charset is known.
 */
import type { IncomingMessage } from 'node:http';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { parseMountPath } from '@legacystream/core/mounts/mount-path.ts';
import { parseBasicAuth } from '@legacystream/core/protocols/credentials.ts';
import { parseQuery, type RawValue, splitTarget, textOf } from '@legacystream/core/protocols/query.ts';
import type { Credentials } from '@legacystream/runtime/access.ts';
import { clientAddressOf } from '@legacystream/runtime/client-address.ts';

/** More than this of a refused body is not waited for. */
const maxRestBytes = 1024 * 1024;

export class AdminRequest {
  readonly method: string;
  readonly path: string;
  readonly ip: string;
  readonly host: string | undefined;
  readonly secure: boolean;
  readonly credentials: Credentials | undefined;
  readonly #parameters: ReadonlyMap<string, RawValue>;

  private constructor(request: IncomingMessage, body: Uint8Array) {
    const { rawPath, rawQuery } = splitTarget(request.url ?? '/');
    this.method = request.method ?? 'GET';
    this.path = rawPath;
    const { ip, host, secure } = clientAddressOf(request.socket, request.headers);
    this.ip = ip;
    this.host = host;
    this.secure = secure;
    this.credentials = parseBasicAuth(request.headers.authorization);
    this.#parameters = new Map([...parseQuery(body), ...parseQuery(rawQuery)]);
  }

  /** @throws LegacyStreamError LS_BODY_TOO_LARGE, LS_CLOSED when the client went away */
  static async read(request: IncomingMessage, maxBodyBytes: number): Promise<AdminRequest> {
    const parts: Buffer[] = [];
    let bytes = 0;
    try {
      // Destroying the request, which is the default, would take the answer with it.
      for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        bytes += part.byteLength;
        if (bytes > maxBodyBytes) {
          throw new LegacyStreamError('LS_BODY_TOO_LARGE', 'request body is too large');
        }
        parts.push(part);
      }
    } catch (cause) {
      if (!(cause instanceof LegacyStreamError)) {
        throw new LegacyStreamError('LS_CLOSED', 'client went away', { cause });
      }
      throwAwayRest(request);
      throw cause;
    }
    return new AdminRequest(request, Buffer.concat(parts));
  }

  raw(name: string): RawValue | undefined {
    return this.#parameters.get(name);
  }

  text(name: string): string | undefined {
    const value = this.#parameters.get(name);
    return value === undefined ? undefined : textOf(value);
  }

  /** The mount that a parameter names, if it is there; a path that cannot be a mount's is an unknown one. */
  mountPath(parameter: 'mount' | 'destination' = 'mount'): string | undefined {
    const text = this.text(parameter);
    if (text === undefined) return undefined;
    try {
      // The query has been decoded already: what is left of `%` is meant as such.
      return parseMountPath(encodeURI(text.startsWith('/') ? text : `/${text}`));
    } catch {
      return '';
    }
  }
}

/** Reads past a body that is too large, so that the client sees the answer instead of a reset. */
function throwAwayRest(request: IncomingMessage): void {
  let bytes = 0;
  request.on('error', () => {});
  request.on('data', (part: Buffer) => {
    bytes += part.byteLength;
    if (bytes > maxRestBytes) request.destroy();
  });
}
