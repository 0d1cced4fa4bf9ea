/**
 * `/status-json.xsl` in the shape of Icecast 2.4.4, which a great many widgets
 * and directories read.
 *
 * Kept as they are: no `source` key without a mount on air, an object for one and
 * an array for more; the `"dummy":null` that ends every source and a server
 * without any; the order of the fields; one line without an end. Put right: what
 * users typed is always a string (Icecast makes a number of the title `1984`),
 * every control character is escaped, and the result is always valid JSON.
 * What is ours stands after Icecast's own fields: `status` while a mount holds
 * its listeners for a source that dropped.
 */
import { formatIcecastDate, formatIcecastIsoDate } from './icecast-date.ts';
import { type MountStatusView, publicMounts, type ServerStatus } from './server-status.ts';
import { sourceStatsOf } from './source-stats.ts';

export const statusJsonContentType = 'application/json; charset=UTF-8';

/** @param filterMount the path of the only mount to show, as in `?mount=/live.mp3` */
export function renderStatusJson(
  status: ServerStatus,
  mounts: readonly MountStatusView[],
  filterMount?: string,
): string {
  const sources = publicMounts(mounts)
    .filter((mount) => filterMount === undefined || mount.state.path === filterMount)
    .map(renderSource);
  const server = [
    field('admin', status.admin),
    field('host', status.host),
    field('location', status.location),
    field('server_id', status.serverId),
    field('server_start', formatIcecastDate(status.startedAtMs)),
    field('server_start_iso8601', formatIcecastIsoDate(status.startedAtMs)),
  ].join(',');
  const end = sources.length === 0 ? '"dummy":null' : `"source":${oneOrMany(sources)}`;
  return `{"icestats":{${server},${end}}}`;
}

function renderSource(view: MountStatusView): string {
  const fields = sourceStatsOf(view)
    .filter((stat) => !stat.adminOnly)
    .map((stat) => field(stat.key, stat.value));
  if (view.state.status === 'lingering') fields.push(field('status', view.state.status));
  return `{${fields.join(',')},"dummy":null}`;
}

function oneOrMany(sources: readonly string[]): string {
  return sources.length === 1 ? (sources[0] ?? '') : `[${sources.join(',')}]`;
}

function field(key: string, value: string | number): string {
  return `${jsonString(key)}:${typeof value === 'number' ? value : jsonString(value)}`;
}

/** JSON.stringify leaves DEL and the C1 controls as they are; some readers refuse them. */
function jsonString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
