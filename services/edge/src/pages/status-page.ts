/**
 * The page at `/` and `/status.xsl`: every public stream with what it plays and a
 * player for it. It works without scripts; with them it follows /status-json.xsl
 * and takes streams in and out without a reload. Nothing comes from elsewhere, and
 * there is no inline script or style, so the strictest content policy fits it.
 */
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import {
  type MountStatusView,
  publicMounts,
  type ServerStatus,
} from '@legacystream/core/status/server-status.ts';
import { type Html, html } from './html-template.ts';
import { renderMountCard } from './mount-card.ts';
import { renderOffAir } from './off-air.ts';
import { icon, iconSprite } from './page-icons.ts';
import { safeLink } from './safe-link.ts';
import { describeDuration } from './time-on-air.ts';

export type StatusPageView = {
  /** What the station or network calls itself. */
  readonly serverName: string;
  readonly status: ServerStatus;
  /** Hidden and ended mounts may be among them; they are left out here. */
  readonly mounts: readonly MountStatusView[];
  /** Whether a mount is served as HLS. */
  readonly hasHls: (state: MountState) => boolean;
  /** `host:port` that encoders connect to. */
  readonly ingestHost: string;
  readonly nowMs: number;
  /** The operator's web site. */
  readonly homeUrl?: string;
};

export function renderStatusPage(view: StatusPageView): string {
  const { serverName, status, nowMs } = view;
  const mounts = publicMounts(view.mounts);
  const listeners = mounts.reduce((sum, mount) => sum + mount.listeners, 0);
  const home = safeLink(view.homeUrl);
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#f5f4f1" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#0d0f14" media="(prefers-color-scheme: dark)">
<meta name="description" content="Live streams of ${serverName}: listen, and see what is playing.">
<title>${serverName}</title>
<link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/status-page.css">
<link rel="stylesheet" href="/assets/player.css">
<link rel="stylesheet" href="/assets/card-colours.css">
<link rel="stylesheet" href="/assets/mount-card.css">
<link rel="stylesheet" href="/assets/card-details.css">
<link rel="stylesheet" href="/assets/off-air.css">
<script type="module" src="/assets/player.js"></script>
<script type="module" src="/assets/status-page.js"></script>
</head>
<body>
${iconSprite}
<a class="skip" href="#streams">Skip to the streams</a>
<header class="page-head">
<img class="mark" src="/assets/favicon.svg" width="56" height="56" alt="">
<div class="page-title">
<h1 dir="auto">${home ? html`<a href="${home}">${serverName}</a>` : serverName}</h1>
<p class="page-summary">
<span class="summary-item">${icon('signal')}<span>${total('streams', mounts.length, 'stream')} on air</span></span>
<span class="summary-item">${icon('headphones')}<span>${total('listeners', listeners, 'listener')}</span></span>
</p>
</div>
<p class="connection" role="status" data-connection></p>
</header>
<main id="streams" class="streams" tabindex="-1">
${mounts.length === 0 ? renderOffAir(view.ingestHost) : mounts.map((mount) => renderMountCard(mount, view.hasHls(mount.state), nowMs))}</main>
<p class="visually-hidden" role="status" data-announce></p>
<footer class="page-foot">
<p>${status.serverId}, up for ${describeDuration(nowMs - status.startedAtMs)}${
    status.location !== '' && html`, <span dir="auto">${status.location}</span>`
  }</p>
<p><a href="/status-json.xsl">Status as JSON</a></p>
</footer>
</body>
</html>
`.toString();
}

function total(name: string, count: number, one: string): Html {
  const word = count === 1 ? one : `${one}s`;
  return html`<b data-total="${name}">${count.toLocaleString('en')}</b> <span data-total="${name}-word">${word}</span>`;
}
