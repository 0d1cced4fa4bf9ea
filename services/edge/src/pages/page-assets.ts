/**
 * The scripts, styles and pictures of the public pages, read into memory once at the
 * start so that serving them never touches the disk. A closed list: no request can
 * name a file.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export type PageAsset = {
  readonly contentType: string;
  readonly body: Buffer;
  /** Strong, in quotes, of the content. */
  readonly etag: string;
};

const assetTypes = {
  'card-colours.css': 'text/css; charset=utf-8',
  'card-details.css': 'text/css; charset=utf-8',
  'favicon.svg': 'image/svg+xml',
  'mount-card.css': 'text/css; charset=utf-8',
  'off-air.css': 'text/css; charset=utf-8',
  'player.css': 'text/css; charset=utf-8',
  'player.js': 'text/javascript; charset=utf-8',
  'resuming-stream.js': 'text/javascript; charset=utf-8',
  'status-page.css': 'text/css; charset=utf-8',
  'status-page.js': 'text/javascript; charset=utf-8',
} as const;

/** By the path they are served under: `/assets/player.js`. */
export function loadPageAssets(): Map<string, PageAsset> {
  const assets = new Map<string, PageAsset>();
  for (const [name, contentType] of Object.entries(assetTypes)) {
    const body = readFileSync(new URL(`./assets/${name}`, import.meta.url));
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    assets.set(`/assets/${name}`, { contentType, body, etag });
  }
  return assets;
}
