/**
 * SHOUTcast's `/admin.cgi` (protocols §2.3, §2.5): title updates, with the source's or the
 * administrator's password and no user, for a stream by number or for a mount by path; and
 * bans, which are the administrator's alone and of all streams.
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
import type { BanRegister } from './ban-register.ts';
import { AdminRequest } from './icecast-admin/admin-request.ts';
import type { TitleUpdates } from './title-updates.ts';

export type ShoutcastAdminDeps = {
  readonly settings: Settings;
  readonly access: Access;
  readonly titles: TitleUpdates;
  readonly bans: BanRegister;
  readonly log: Log;
};

const banModes: ReadonlySet<string | undefined> = new Set(['bandst', 'unbandst', 'viewban']);

export class ShoutcastAdmin {
  readonly #deps: ShoutcastAdminDeps;

  constructor(deps: ShoutcastAdminDeps) {
    this.#deps = deps;
  }

  async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const request = await AdminRequest.read(incoming, this.#deps.settings.limits.bodyBytes);
      const [status, text] = await this.#answer(request);
      send(response, status, text);
    } catch (error) {
      const isKnown = error instanceof LegacyStreamError;
      if (!isKnown) this.#deps.log.error('request.failed', { error });
      send(response, isKnown ? error.status : 500, isKnown ? error.message : 'Internal error');
    }
  }

  async #answer(request: AdminRequest): Promise<[number, string]> {
    const pass = request.text('pass');
    if (pass === undefined && !request.credentials) return [400, 'missing pass parameter'];
    const { access, titles } = this.#deps;
    if (banModes.has(request.text('mode'))) {
      const verdict =
        pass === undefined
          ? await access.admin(request.credentials, request.ip)
          : await access.adminPassword(pass, request.ip);
      return verdict.granted ? [200, await this.#bans(request)] : refusalOf(verdict);
    }
    const login = pass === undefined ? undefined : loginOf(pass);
    const mount = this.#mountOf(request, login);
    if (mount === undefined) return [400, 'unknown stream'];
    const verdict: Verdict =
      pass === undefined
        ? await access.mountAdmin(mount, request.credentials, request.ip)
        : await access.mountPassword(mount, login?.password ?? pass, request.ip);
    if (!verdict.granted) return refusalOf(verdict);
    if (request.text('mode') !== 'updinfo') return [400, 'unknown mode'];
    const outcome = await titles.update(mount, request);
    if (outcome !== 'updated') return [400, 'illegal metadata call'];
    return [200, 'Metadata update successful'];
  }

  async #bans(request: AdminRequest): Promise<string> {
    const { bans } = this.#deps;
    const { ip } = request;
    if (request.text('mode') === 'viewban') {
      const lines = (await bans.list()).map(({ range, reason }) => `${range} ${reason}`.trimEnd());
      return lines.length > 0 ? lines.join('\n') : 'nobody is banned';
    }
    const range = bannedRange(request.text('bandst') ?? '', request.text('banmsk'));
    if (request.text('mode') === 'bandst') return `banned ${(await bans.ban({ range, ip })).range}`;
    const { range: lifted, found } = await bans.unban(range, ip);
    return `${lifted} is ${found ? 'no longer' : 'not'} banned`;
  }

  #mountOf(request: AdminRequest, login: ReturnType<typeof loginOf>): string | undefined {
    const named = request.mountPath() ?? login?.mount;
    if (named !== undefined) return named;
    const sid = request.text('sid');
    if (sid !== undefined && !/^[1-9]\d{0,9}$/.test(sid)) return undefined;
    return shoutcastMountPath(this.#deps.settings, sid === undefined ? (login?.sid ?? 1) : Number(sid));
  }
}

/** DNAS writes the network of an IPv4 address as its last byte: 255 is the address, 0 the 256 around it. */
function bannedRange(address: string, mask: string | undefined): string {
  if (mask === undefined || mask === '' || mask === '255') return address;
  if (mask === '0' && /^[\d.]+$/.test(address)) return `${address}/24`;
  throw new LegacyStreamError(
    'LS_PARAMETER_INVALID',
    'banmsk: expected 255 for the address alone, or 0 with an IPv4 address for all that share its first three numbers',
  );
}

function refusalOf({ retryAfterMs }: Verdict & { readonly granted: false }): [number, string] {
  return retryAfterMs > 0 ? [429, 'too many failed logins'] : [401, 'bad password'];
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
