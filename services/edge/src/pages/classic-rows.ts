/**
 * The table that Icecast 2.4.4's own status page shows per mount, wording and
 * markup kept, because scrapers look for `Mount Point /a.mp3` and for rows such as
 * `<td>Listeners (current):</td><td class="streamstats">1</td>`. Rows of what is
 * unknown are left out, as there. status-page.js refreshes the rows by their labels.
 */
import { formatIcecastDate } from '@legacystream/core/status/icecast-date.ts';
import type { MountStatusView } from '@legacystream/core/status/server-status.ts';
import { type Html, type HtmlValue, html } from './html-template.ts';
import { safeLink } from './safe-link.ts';

export function renderClassicRows({ state, listeners, listenerPeak }: MountStatusView): Html {
  const { info, nowPlaying } = state;
  const link = safeLink(info.url);
  return html`<h3 class="mount">Mount Point ${state.path}</h3>
<table class="yellowkeys"><tbody>${[
    html`<tr><td>Stream Name:</td><td>${info.name || 'Unspecified name'}</td></tr>`,
    html`<tr><td>Stream Description:</td><td>${info.description || 'Unspecified description'}</td></tr>`,
    html`<tr><td>Content Type:</td><td>${state.contentType}</td></tr>`,
    row('Stream started:', formatIcecastDate(state.startedAtMs)),
    info.bitrateKbps !== undefined && row('Bitrate:', info.bitrateKbps),
    row('Listeners (current):', listeners),
    row('Listeners (peak):', listenerPeak),
    row('Genre:', info.genre || 'various'),
    info.url
      ? row(
          'Stream URL:',
          link ? html`<a href="${link}" rel="nofollow noopener noreferrer">${info.url}</a>` : info.url,
        )
      : undefined,
    row('Currently playing:', nowPlaying.display),
  ]}</tbody></table>`;
}

function row(label: string, value: HtmlValue): Html {
  return html`<tr><td>${label}</td><td class="streamstats">${value}</td></tr>`;
}
