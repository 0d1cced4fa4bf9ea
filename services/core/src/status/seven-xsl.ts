/**
 * `/7.xsl`, the one line that Icecast-KH and its customised kin answer in the place
 * of SHOUTcast's `7.html`; encoders such as butt read their listener count there.
 * `listeners,1,peak,max,listeners,bitrate,artist - title`, of the first mount only;
 * the title is the rest of the line, commas and all. Nothing on air gives nothing.
 */
import { type MountStatusView, publicMounts } from './server-status.ts';
import { sourceStatsOf } from './source-stats.ts';
import { escapeXmlText } from './xml-text.ts';

export const sevenXslContentType = 'text/html; charset=UTF-8';

/** @param filterMount the path of the mount to show instead of the first */
export function renderSevenXsl(mounts: readonly MountStatusView[], filterMount?: string): string {
  const view = publicMounts(mounts).find(
    (mount) => filterMount === undefined || mount.state.path === filterMount,
  );
  if (view === undefined) return '';
  const stats = new Map(sourceStatsOf(view).map((stat) => [stat.key, stat.value]));
  const title = view.state.nowPlaying.display.replace(/[\u0000-\u001f\u007f]+/g, ' ');
  const values = [
    stats.get('listeners'),
    1,
    stats.get('listener_peak'),
    stats.get('max_listeners'),
    stats.get('listeners'),
    stats.get('bitrate') ?? stats.get('ice-bitrate') ?? '',
  ];
  return `${values
    .map((value) => String(value).replace(/,/g, ' '))
    .concat(title)
    .map(escapeXmlText)
    .join(',')}\n`;
}
