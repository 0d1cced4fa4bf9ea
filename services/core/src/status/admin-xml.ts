/**
 * The answers of the admin interface (`/admin/stats`, `/admin/listmounts`, …) byte
 * for byte as Icecast 2.4.4 writes them: one XML declaration, one line, one line end.
 * Capital letters in element names are Icecast's. Hidden mounts are listed, since
 * only operators read this.
 */
import type { Ban } from '../auth/ban.ts';
import { formatIcecastDate, formatIcecastIsoDate } from './icecast-date.ts';
import { type MountStatusView, mountsOnAir, publicMounts, type ServerStatus } from './server-status.ts';
import { sourceStatsOf } from './source-stats.ts';
import { escapeXmlAttribute, escapeXmlText } from './xml-text.ts';

export const adminXmlContentType = 'text/xml; charset=utf-8';

/** One listener as `/admin/listclients` shows it. */
export type ClientView = {
  readonly id: number | string;
  readonly ip: string;
  /** Empty where the client sent none. */
  readonly userAgent: string;
  readonly connectedSeconds: number;
  /** The name that the listener logged in with. */
  readonly username?: string;
};

/** @param filterMount the path of the only mount to show; the server's own figures stay */
export function renderStats(
  status: ServerStatus,
  mounts: readonly MountStatusView[],
  filterMount?: string,
): string {
  const global: readonly (readonly [string, string | number])[] = [
    ['admin', status.admin],
    ['client_connections', status.clientConnections],
    ['clients', status.clients],
    ['connections', status.connections],
    ['file_connections', status.fileConnections],
    ['host', status.host],
    ['listener_connections', status.listenerConnections],
    ['listeners', status.listeners],
    ['location', status.location],
    ['server_id', status.serverId],
    ['server_start', formatIcecastDate(status.startedAtMs)],
    ['server_start_iso8601', formatIcecastIsoDate(status.startedAtMs)],
    ['source_client_connections', status.sourceClientConnections],
    ['source_relay_connections', status.sourceRelayConnections],
    ['source_total_connections', status.sourceTotalConnections],
    ['sources', status.sources],
    ['stats', status.stats],
    ['stats_connections', status.statsConnections],
  ];
  const sources = mountsOnAir(mounts)
    .filter((mount) => filterMount === undefined || mount.state.path === filterMount)
    .map((mount) =>
      sourceElement(
        mount.state.path,
        sourceStatsOf(mount).map((stat) => element(stat.key, stat.value)),
      ),
    );
  return document('icestats', [...global.map(([name, value]) => element(name, value)), ...sources]);
}

/** Also `/admin/streamlist`. */
export function renderListMounts(mounts: readonly MountStatusView[], nowMs: number): string {
  return document('icestats', mountElements(mounts, nowMs));
}

/** `/admin/moveclients` without a destination: the mounts that the listeners of `path` could be moved to. */
export function renderMoveDestinations(
  path: string,
  mounts: readonly MountStatusView[],
  nowMs: number,
): string {
  const others = mounts.filter(({ state }) => state.path !== path);
  return document('icestats', [element('current_source', path), ...mountElements(others, nowMs)]);
}

export function renderListClients(path: string, clients: readonly ClientView[]): string {
  return document('icestats', [
    sourceElement(path, [
      element('Listeners', clients.length),
      ...clients.map(
        (client) =>
          `<listener>${element('IP', client.ip)}${element('UserAgent', client.userAgent || 'Unknown')}${element(
            'Connected',
            Math.max(0, Math.floor(client.connectedSeconds)),
          )}${element('ID', client.id)}${client.username === undefined ? '' : element('username', client.username)}</listener>`,
      ),
    ]),
  ]);
}

/** `/admin/listbans`: `Expires` and `Remaining`, in seconds, only of bans that end. */
export function renderListBans(bans: readonly Ban[], nowMs: number): string {
  return document('icestats', [
    element('Bans', bans.length),
    ...bans.map(({ range, reason, by, createdAtMs, expiresAtMs }) => {
      const end =
        expiresAtMs === null
          ? ''
          : `${element('Expires', formatIcecastIsoDate(expiresAtMs))}${element('Remaining', Math.max(0, Math.ceil((expiresAtMs - nowMs) / 1000)))}`;
      return `<ban>${element('IP', range)}${element('Reason', reason)}${element('By', by)}${element('Created', formatIcecastIsoDate(createdAtMs))}${end}</ban>`;
    }),
  ]);
}

/** `/admin/updatemetadata`: the mount alone. */
export function renderUpdateMetadata(path: string): string {
  return document('icestats', [sourceElement(path, [])]);
}

/** The outcome of a command; `returnCode` 1 is success. */
export function renderResponse(message: string, returnCode: number): string {
  return document('iceresponse', [element('message', message), element('return', returnCode)]);
}

/** `/admin/streamlist.txt`: what a relay may copy, one path per line. Hidden mounts are left out. */
export function renderStreamList(mounts: readonly MountStatusView[]): string {
  return publicMounts(mounts)
    .map((mount) => `${mount.state.path.replace(/[\r\n]/g, '')}\r\n`)
    .join('');
}

function mountElements(mounts: readonly MountStatusView[], nowMs: number): string[] {
  return mountsOnAir(mounts).map(({ state, listeners, fallback, authenticator }) =>
    sourceElement(state.path, [
      element('fallback', fallback ?? ''),
      element('listeners', listeners),
      authenticator === undefined ? '' : element('authenticator', authenticator),
      element('Connected', Math.max(0, Math.floor((nowMs - state.startedAtMs) / 1000))),
      element('content-type', state.contentType),
    ]),
  );
}

function document(root: string, children: readonly string[]): string {
  const content = children.join('');
  return `<?xml version="1.0"?>\n${content === '' ? `<${root}/>` : `<${root}>${content}</${root}>`}\n`;
}

function sourceElement(path: string, children: readonly string[]): string {
  const start = `<source mount="${escapeXmlAttribute(path)}"`;
  return children.length === 0 ? `${start}/>` : `${start}>${children.join('')}</source>`;
}

function element(name: string, value: string | number): string {
  return `<${name}>${typeof value === 'number' ? value : escapeXmlText(value)}</${name}>`;
}
