/**
 * One stream on the status page: what it is, what it plays, a player, its figures,
 * the playlists, and the classic rows behind "Details".
 *
 * `data-field` marks what status-page.js refreshes; `data-listenurl` is how it finds
 * the card of a source in /status-json.xsl.
 */

import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import { formatIcecastDate } from '@legacystream/core/status/icecast-date.ts';
import { encodeMountPath } from '@legacystream/core/status/listen-url.ts';
import type { MountStatusView } from '@legacystream/core/status/server-status.ts';
import { renderClassicRows } from './classic-rows.ts';
import { describeAudio } from './describe-audio.ts';
import { hueOf, renderDialArt } from './dial-art.ts';
import { hlsPathOf } from './hls-path.ts';
import { type Html, html } from './html-template.ts';
import { icon } from './page-icons.ts';
import { safeLink } from './safe-link.ts';
import { describeDuration } from './time-on-air.ts';

/** status-page.js says it the same way. */
const untitled = 'This stream sends no titles';

export function renderMountCard(view: MountStatusView, hasHls: boolean, nowMs: number): Html {
  const { path, contentType, nowPlaying, status, info } = view.state;
  const name = info.name || path.slice(1);
  const href = encodeMountPath(path);
  const id = `mount-${mountIdOf(path)}`;
  const title = nowPlaying.display;
  const lingering = status === 'lingering';
  return html`<article class="card hue-${hueOf(path)}" aria-labelledby="${id}"
  data-listenurl="${view.listenUrl}"${lingering && html` data-lingering`}>
<div class="card-grid">
<div class="dial">${renderDialArt(path)}</div>
${renderHead(view, name, id)}
<div class="now">
<p class="label">Now playing</p>
<p class="now-title${title === '' && ' untitled'}" dir="auto" data-field="title">${title || untitled}</p>
</div>
<legacystream-player src="${href}" type="${contentType}" hls="${hasHls && hlsPathOf(path)}" name="${name}">
<audio controls preload="none" src="${href}"></audio>
</legacystream-player>
${renderFacts(view, nowMs)}
<nav class="links" aria-label="Open ${name} elsewhere">
${['m3u', 'pls', 'xspf'].map((kind) => renderPlaylistLink(`${href}.${kind}`, kind.toUpperCase()))}
${hasHls && renderPlaylistLink(hlsPathOf(path), 'HLS')}
<button class="link needs-script" type="button" data-copy="${view.listenUrl}">
${icon('copy')}${icon('check')}<span>Copy link</span></button>
</nav>
<details class="details"><summary>${icon('chevron')}Details</summary>
${renderClassicRows(view)}
</details>
</div>
</article>
`;
}

function renderHead({ state: { info } }: MountStatusView, name: string, id: string): Html {
  const home = safeLink(info.url);
  const rel = 'nofollow noopener noreferrer';
  return html`<header class="card-head">
<p class="tags">
<span class="tag tag-on-air"><span class="pulse"></span>On air</span>
<span class="tag tag-lingering">Reconnecting</span>
<span class="tag" dir="auto" data-field="genre"${!info.genre && html` hidden`}>${info.genre}</span>
</p>
<h2 id="${id}" dir="auto">${
    home
      ? html`<a href="${home}" rel="${rel}" data-field="name">${name}</a>`
      : html`<span data-field="name">${name}</span>`
  }</h2>
<p class="description" dir="auto" data-field="description"${!info.description && html` hidden`}>${info.description}</p>
</header>`;
}

function renderFacts({ state, listeners, listenerPeak }: MountStatusView, nowMs: number): Html {
  const { codec, bitrate, format } = describeAudio(state);
  const started = formatIcecastDate(state.startedAtMs);
  const onAir = describeDuration(nowMs - state.startedAtMs);
  const sound = html`${codec}${bitrate !== '' && html` <small>${bitrate}</small>`}${
    format !== '' && html`<span class="note">${format}</span>`
  }`;
  return html`<dl class="facts">
${renderFact('Listeners', html`<span data-field="listeners">${listeners.toLocaleString('en')}</span>`)}
${renderFact('Peak', html`<span data-field="peak">${listenerPeak.toLocaleString('en')}</span>`)}
${renderFact('Sound', sound)}
${renderFact('On air for', html`<span title="Since ${started}" data-field="started">${onAir}</span>`)}
</dl>`;
}

function renderFact(label: string, value: Html): Html {
  return html`<div class="fact"><dt class="label">${label}</dt><dd>${value}</dd></div>`;
}

function renderPlaylistLink(href: string, name: string): Html {
  return html`<a class="link" href="${href}" aria-label="${name} playlist">${icon('playlist')}${name}</a>
`;
}
