/**
 * Playlists of one live stream: M3U, PLS and XSPF (xspf.org/spec, version 1). A
 * name or an address can never start a line of its own, so nobody who names a
 * stream can add an entry to its playlist.
 */
import { singleLineUrl } from './listen-url.ts';
import type { MountStatusView } from './server-status.ts';
import { sourceStatsOf } from './source-stats.ts';
import { escapeXmlText } from './xml-text.ts';

export type Playlist = { readonly contentType: string; readonly body: string };

/** Without a name it is the single line that Icecast answers; with one, extended M3U. */
export function renderM3u(url: string, name?: string): Playlist {
  const line = `${singleLineUrl(url)}\r\n`;
  const title = singleLine(name ?? '');
  return {
    contentType: 'audio/x-mpegurl',
    body: title === '' ? line : `#EXTM3U\r\n#EXTINF:-1,${title}\r\n${line}`,
  };
}

export function renderPls(url: string, name: string): Playlist {
  const lines = [
    '[playlist]',
    'NumberOfEntries=1',
    `File1=${singleLineUrl(url)}`,
    `Title1=${singleLine(name)}`,
    'Length1=-1',
    'Version=2',
  ];
  return { contentType: 'audio/x-scpls', body: `${lines.join('\n')}\n` };
}

/** The layout and the wording of the annotation are those of Icecast 2.4.4. */
export function renderXspf(url: string, mount: MountStatusView): Playlist {
  const stats = new Map(sourceStatsOf(mount).map((stat) => [stat.key, stat.value]));
  const title = mount.state.nowPlaying.display;
  const bitrate = stats.get('bitrate');
  const annotation = [
    `Stream Title: ${stats.get('server_name')}`,
    `Stream Description: ${stats.get('server_description')}`,
    `Content Type:${stats.get('server_type') ?? ''}`,
    ...(bitrate === undefined ? [] : [`Bitrate: ${bitrate}`]),
    `Current Listeners: ${stats.get('listeners')}`,
    `Peak Listeners: ${stats.get('listener_peak')}`,
    `Stream Genre: ${stats.get('genre')}`,
  ].join('\n');
  const { url: home } = mount.state.info;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<playlist xmlns="http://xspf.org/ns/0/" version="1">',
    '  <title/>',
    '  <creator/>',
    '  <trackList>',
    '    <track>',
    `      <location>${escapeXmlText(singleLineUrl(url))}</location>`,
    title === '' ? '      <title/>' : `      <title>${escapeXmlText(title)}</title>`,
    `      <annotation>${escapeXmlText(annotation)}</annotation>`,
    ...(home ? [`      <info>${escapeXmlText(singleLineUrl(home))}</info>`] : []),
    '    </track>',
    '  </trackList>',
    '</playlist>',
  ];
  return { contentType: 'application/xspf+xml; charset=UTF-8', body: `${lines.join('\n')}\n` };
}

function singleLine(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
    .trim();
}
