/**
 * Icecast's admin interface (protocols §1.7): the same URLs, parameters, answers and
 * refusals, by GET and by POST. A request that names a mount may be made with that
 * mount's source login, from any address; every other needs the administrator's.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import {
  adminHtmlContentType,
  renderErrorHtml,
  renderSuccessHtml,
} from '@legacystream/core/status/admin-html.ts';
import {
  adminXmlContentType,
  renderListBans,
  renderListClients,
  renderListMounts,
  renderMoveDestinations,
  renderResponse,
  renderStats,
  renderStreamList,
  renderUpdateMetadata,
} from '@legacystream/core/status/admin-xml.ts';
import type { Access, Verdict } from '@legacystream/runtime/access.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import { baseUrlFor, type FleetStatus, type FleetView } from '@legacystream/runtime/fleet-status.ts';
import { authChallenge } from '@legacystream/runtime/http/raw-response.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import type { BanRegister } from '../ban-register.ts';
import type { FleetControl } from '../fleet-control.ts';
import type { TitleUpdates } from '../title-updates.ts';
import { AdminRequest } from './admin-request.ts';

export type IcecastAdminDeps = {
  readonly settings: Settings;
  readonly access: Access;
  readonly fleet: FleetStatus;
  readonly control: FleetControl;
  readonly titles: TitleUpdates;
  readonly bans: BanRegister;
  readonly log: Log;
  readonly port: () => number;
  readonly nowMs: () => number;
};

type Answer = { readonly contentType: string; readonly body: string };
type Command = (request: AdminRequest, mount: string) => Promise<Answer>;

/** A refusal in Icecast's own words. */
class AdminRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class IcecastAdmin {
  readonly #deps: IcecastAdminDeps;
  /** Commands on one mount, open to its source as well. */
  readonly #mountCommands: ReadonlyMap<string, Command>;
  /** Commands on the server. */
  readonly #serverCommands: ReadonlyMap<string, Command>;

  constructor(deps: IcecastAdminDeps) {
    this.#deps = deps;
    const stats: Command = (request, mount) => this.#stats(request, mount);
    const listMounts: Command = (request) => this.#listMounts(request);
    this.#mountCommands = new Map<string, Command>([
      ['metadata', (request, mount) => this.#metadata(request, mount)],
      ['stats', stats],
      ['stats.xml', stats],
      ['', stats],
      ['listclients', (_, mount) => this.#listClients(mount)],
      ['moveclients', (request, mount) => this.#moveClients(request, mount)],
      ['killclient', (request, mount) => this.#killClient(request, mount)],
      ['killsource', (_, mount) => this.#killSource(mount)],
      ['updatemetadata', (_, mount) => this.#updateMetadata(mount)],
    ]);
    this.#serverCommands = new Map<string, Command>([
      ['stats', stats],
      ['stats.xml', stats],
      ['', stats],
      ['listmounts', listMounts],
      ['streamlist', listMounts],
      ['streamlist.txt', (request) => this.#streamList(request)],
      ['ban', (request) => this.#ban(request)],
      ['unban', (request) => this.#unban(request)],
      ['listbans', () => this.#listBans()],
    ]);
  }

  async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const request = await AdminRequest.read(incoming, this.#deps.settings.limits.bodyBytes);
      const { contentType, body } = await this.#dispatch(request);
      send(response, 200, contentType, body);
    } catch (error) {
      this.#refuse(response, error);
    }
  }

  async #dispatch(request: AdminRequest): Promise<Answer> {
    const rawName = request.path.slice('/admin/'.length);
    const wantsHtml = rawName.endsWith('.xsl');
    const name = wantsHtml ? rawName.slice(0, -'.xsl'.length) : rawName;
    const mount = request.mountPath();
    const command = mount === undefined ? this.#serverCommands.get(name) : this.#mountCommands.get(name);
    const isKnown = this.#serverCommands.has(name) || this.#mountCommands.has(name);
    // Unknown names are told apart before the login, as libshout's `!POKE` relies on it.
    if (!isKnown) throw new AdminRefusal(400, 'Unrecognised command');
    const verdict = await this.#verdict(request, name, mount);
    if (!verdict.granted) {
      if (verdict.retryAfterMs > 0)
        throw new LegacyStreamError('LS_AUTH_RATE_LIMITED', 'too many failed logins');
      throw new LegacyStreamError('LS_AUTH_REQUIRED', 'You need to authenticate');
    }
    if (!command) {
      if (mount === undefined) throw new AdminRefusal(400, 'Missing parameter');
      throw new AdminRefusal(400, 'Unrecognised command');
    }
    const answer = await command(request, mount ?? '');
    return wantsHtml ? asHtml(answer) : answer;
  }

  #verdict(request: AdminRequest, name: string, mount: string | undefined): Promise<Verdict> {
    const { access } = this.#deps;
    if (name.startsWith('streamlist')) return access.relay(request.credentials, request.ip);
    if (mount !== undefined && this.#mountCommands.has(name)) {
      return access.mountAdmin(mount, request.credentials, request.ip);
    }
    return access.admin(request.credentials, request.ip);
  }

  async #metadata(request: AdminRequest, mount: string): Promise<Answer> {
    const mode = request.text('mode');
    if (mode === undefined) throw new AdminRefusal(400, 'Missing parameter');
    if (mode !== 'updinfo') return xml(renderResponse('No such action', 0));
    const outcome = await this.#deps.titles.update(mount, request);
    if (outcome === 'unknown') throw new AdminRefusal(400, 'Source does not exist');
    if (outcome === 'not-running') throw new AdminRefusal(400, 'Source is not available');
    return xml(renderResponse('Metadata update successful', 1));
  }

  async #stats(request: AdminRequest, mount: string): Promise<Answer> {
    const { status, mounts } = await this.#view(request);
    if (mount !== '' && !mounts.some(({ state }) => state.path === mount)) {
      throw new AdminRefusal(400, 'Source does not exist');
    }
    return xml(renderStats(status, mounts, mount || undefined));
  }

  async #listMounts(request: AdminRequest): Promise<Answer> {
    return xml(renderListMounts((await this.#view(request)).mounts, this.#deps.nowMs()));
  }

  async #streamList(request: AdminRequest): Promise<Answer> {
    return {
      contentType: 'text/plain; charset=utf-8',
      body: renderStreamList((await this.#view(request)).mounts),
    };
  }

  async #listClients(mount: string): Promise<Answer> {
    await this.#mustExist(mount);
    return xml(renderListClients(mount, await this.#deps.control.clients(mount)));
  }

  /** Without a destination Icecast lists those that there are. */
  async #moveClients(request: AdminRequest, mount: string): Promise<Answer> {
    const { control, log, nowMs } = this.#deps;
    const { mounts } = await this.#view(request);
    if (!mounts.some(({ state }) => state.path === mount)) {
      throw new AdminRefusal(400, 'Source does not exist');
    }
    const path = request.mountPath('destination');
    if (path === undefined) return xml(renderMoveDestinations(mount, mounts, nowMs()));
    const destination = mounts.find(({ state }) => state.path === path);
    if (!destination) throw new AdminRefusal(400, 'No such destination');
    if (path === mount) throw new AdminRefusal(400, 'supplied mountpoints are identical');
    const { status, maxListeners } = destination.state;
    if (status !== 'live') throw new AdminRefusal(400, 'Destination not running');
    const room = maxListeners === null ? undefined : Math.max(0, maxListeners - destination.listeners);
    const { moved, kept, unanswered } = await control.moveClients(mount, path, room);
    const { ip } = request;
    log.info('listeners.moved', { mount, destination: path, moved, kept, unanswered, ip });
    const message = `Clients moved from ${mount} to ${path}`;
    // Icecast moves everybody; where some have to stay, the answer goes on after Icecast's words.
    if (kept === 0) return xml(renderResponse(message, 1));
    return xml(renderResponse(`${message}: ${moved}, not moved: ${kept}`, moved > 0 ? 1 : 0));
  }

  async #killClient(request: AdminRequest, mount: string): Promise<Answer> {
    const id = request.text('id');
    if (id === undefined) throw new AdminRefusal(400, 'Missing parameter');
    await this.#mustExist(mount);
    const found = /^\d{1,16}$/.test(id) && (await this.#deps.control.killClient(mount, Number(id)));
    this.#deps.log.info('listener.killed', { mount, id, found, ip: request.ip });
    return xml(
      found ? renderResponse(`Client ${id} removed`, 1) : renderResponse(`Client ${id} not found`, 0),
    );
  }

  async #killSource(mount: string): Promise<Answer> {
    await this.#mustExist(mount);
    const reply = await this.#deps.control.askOwner(mount, { op: 'kill' });
    if (!reply) throw new AdminRefusal(400, 'Source is not available');
    return xml(renderResponse('Source Removed', 1));
  }

  async #ban(request: AdminRequest): Promise<Answer> {
    const { ip } = request;
    const [minutes, reason] = [request.text('minutes'), request.text('reason')];
    const { range } = await this.#deps.bans.ban({ range: request.text('ip') ?? '', minutes, reason, ip });
    return xml(renderResponse(`Banned ${range}`, 1));
  }

  async #unban(request: AdminRequest): Promise<Answer> {
    const { range, found, within } = await this.#deps.bans.unban(request.text('ip') ?? '', request.ip);
    const rest = within === undefined ? '' : `; ${within} still is`;
    return xml(renderResponse(`${range} is ${found ? 'no longer' : 'not'} banned${rest}`, found ? 1 : 0));
  }

  async #listBans(): Promise<Answer> {
    return xml(renderListBans(await this.#deps.bans.list(), this.#deps.nowMs()));
  }

  /** In Icecast the page from which a title is set by hand; it changes nothing itself. */
  async #updateMetadata(mount: string): Promise<Answer> {
    await this.#mustExist(mount);
    return xml(renderUpdateMetadata(mount));
  }

  async #mustExist(mount: string): Promise<void> {
    const mounts = await this.#deps.control.mounts();
    if (!mounts.some(({ path }) => path === mount)) throw new AdminRefusal(400, 'Source does not exist');
  }

  async #view(request: AdminRequest): Promise<FleetView> {
    const { settings, fleet, control, port } = this.#deps;
    return fleet.read(await control.mounts(), baseUrlFor(settings, request.host, request.secure, port()));
  }

  #refuse(response: ServerResponse, error: unknown): void {
    if (error instanceof AdminRefusal) {
      return send(response, error.status, adminHtmlContentType, renderErrorHtml(error.status, error.message));
    }
    if (!(error instanceof LegacyStreamError)) {
      this.#deps.log.error('request.failed', { error });
      return send(response, 500, adminHtmlContentType, renderErrorHtml(500, 'Internal error'));
    }
    if (error.status === 401) response.setHeader(...authChallenge);
    if (error.status === 429) response.setHeader('Retry-After', '60');
    send(response, error.status, 'text/plain; charset=utf-8', `${error.message}\r\n`);
  }
}

function xml(body: string): Answer {
  return { contentType: adminXmlContentType, body };
}

/** The `.xsl` form of a command: a page for people; of lists, the document as text. */
function asHtml(answer: Answer): Answer {
  const message = /<message>(.*?)<\/message>/s.exec(answer.body)?.[1];
  return { contentType: adminHtmlContentType, body: renderSuccessHtml(message ?? answer.body) };
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-cache, no-store',
    Expires: 'Mon, 26 Jul 1997 05:00:00 GMT',
    Pragma: 'no-cache',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Content-Security-Policy': "default-src 'none'",
  });
  response.end(body);
}
