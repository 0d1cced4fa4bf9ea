/**
 * SHOUTcast's `/admin.cgi` (protocols §2.3): title updates, with the source's or the
 * administrator's password and no user, for a stream by number or for a mount by path.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { parseShoutcastPassword } from '@legacystream/core/protocols/credentials.ts';
import {
  adminHtmlContentType,
  renderErrorHtml,
  renderSuccessHtml,
} from '@legacystream/core/status/admin-html.ts';
import type { Access, Verdict } from '@legacystream/runtime/access.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import { shoutcastMountPath } from '@legacystream/runtime/config/shoutcast-mount.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { AdminRequest } from './icecast-admin/admin-request.ts';
import type { TitleUpdates } from './title-updates.ts';

export class ShoutcastAdmin {
  readonly #settings: Settings;
  readonly #access: Access;
  readonly #titles: TitleUpdates;
  readonly #log: Log;

  constructor(settings: Settings, access: Access, titles: TitleUpdates, log: Log) {
    this.#settings = settings;
    this.#access = access;
    this.#titles = titles;
    this.#log = log;
  }

  async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const request = await AdminRequest.read(incoming, this.#settings.limits.bodyBytes);
      const [status, text] = await this.#answer(request);
      send(response, status, text);
    } catch (error) {
      const isKnown = error instanceof LegacyStreamError;
      if (!isKnown) this.#log.error('request.failed', { error });
      send(response, isKnown ? error.status : 500, isKnown ? error.message : 'Internal error');
    }
  }

  async #answer(request: AdminRequest): Promise<[number, string]> {
    const pass = request.text('pass');
    if (pass === undefined && !request.credentials) return [400, 'missing pass parameter'];
    const login = pass === undefined ? undefined : loginOf(pass);
    const mount = this.#mountOf(request, login);
    if (mount === undefined) return [400, 'unknown stream'];
    const verdict: Verdict =
      pass === undefined
        ? await this.#access.mountAdmin(mount, request.credentials, request.ip)
        : await this.#access.mountPassword(mount, login?.password ?? pass, request.ip);
    if (!verdict.granted)
      return verdict.retryAfterMs > 0 ? [429, 'too many failed logins'] : [401, 'bad password'];
    if (request.text('mode') !== 'updinfo') return [400, 'unknown mode'];
    const outcome = await this.#titles.update(mount, request);
    if (outcome !== 'updated') return [400, 'illegal metadata call'];
    return [200, 'Metadata update successful'];
  }

  #mountOf(request: AdminRequest, login: ReturnType<typeof loginOf>): string | undefined {
    const named = request.mountPath() ?? login?.mount;
    if (named !== undefined) return named;
    const sid = request.text('sid');
    if (sid !== undefined && !/^[1-9]\d{0,9}$/.test(sid)) return undefined;
    return shoutcastMountPath(this.#settings, sid === undefined ? (login?.sid ?? 1) : Number(sid));
  }
}

/** Encoders that log in with `password:#sid` or `/mount:password` send the very same here. */
function loginOf(pass: string): ReturnType<typeof parseShoutcastPassword> {
  return pass.startsWith('/') || /:#\d+$/.test(pass) ? parseShoutcastPassword(pass) : undefined;
}

function send(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent || response.destroyed) return;
  const body = status === 200 ? renderSuccessHtml(text) : renderErrorHtml(status, text);
  response.writeHead(status, {
    'Content-Type': adminHtmlContentType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-cache, no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(status === 401 && { 'WWW-Authenticate': 'Basic realm="LegacyStream", charset="UTF-8"' }),
    ...(status === 429 && { 'Retry-After': '60' }),
  });
  response.end(body);
}
