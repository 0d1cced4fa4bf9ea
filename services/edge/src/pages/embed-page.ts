/**
 * The page at `/embed/<mount>`, for the frames of other sites: the player of one stream with
 * its name and titles, and nothing else. For a mount that is not on air it is the same, so
 * that a frame that stands on a site for good plays once the stream is back.
 */
import { encodeMountPath } from '@legacystream/core/status/listen-url.ts';
import { hlsPathOf } from './hls-path.ts';
import { html } from './html-template.ts';

export type EmbedPageView = {
  readonly path: string;
  /** Empty where the stream has none. */
  readonly name: string;
  /** Undefined while it is not known whether there is HLS; the player finds out. */
  readonly hasHls: boolean | undefined;
  /** Empty where unknown. */
  readonly contentType: string;
};

export function renderEmbedPage({ path, name, hasHls, contentType }: EmbedPageView): string {
  const href = encodeMountPath(path);
  const title = name || path.slice(1);
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/player.css">
<link rel="stylesheet" href="/assets/embed-page.css">
<script type="module" src="/assets/player.js"></script>
</head>
<body>
<main>
<legacystream-player titles src="${href}" name="${title}"${contentType !== '' && html` type="${contentType}"`}${
    hasHls !== undefined && html` hls="${hasHls && hlsPathOf(path)}"`
  }>
<audio controls preload="none" src="${href}"></audio>
</legacystream-player>
</main>
</body>
</html>
`.toString();
}
