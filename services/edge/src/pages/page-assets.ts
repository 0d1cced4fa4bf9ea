/**
 * The scripts, styles and pictures of the public pages, read into memory once at the
 * start so that serving them never touches the disk. A closed list: no request can
 * name a file. hls.js is among them, so that no page needs another host.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

export type PageAsset = {
  readonly contentType: string;
  readonly body: Buffer;
  /** Strong, in quotes, of the content. */
  readonly etag: string;
  /** The address is of this very content, so that it may be kept for good. */
  readonly isImmutable: boolean;
  /** The body compressed, made when it is first asked for. */
  readonly gzip: () => Buffer;
};

const script = 'text/javascript; charset=utf-8';
const style = 'text/css; charset=utf-8';

const assetTypes = {
  'card-colours.css': style,
  'card-details.css': style,
  'embed-page.css': style,
  'favicon.svg': 'image/svg+xml',
  'hls-stream.js': script,
  'mount-card.css': style,
  'off-air.css': style,
  'player-parts.js': script,
  'player.css': style,
  'player.js': script,
  'polled-titles.js': script,
  'resuming-stream.js': script,
  'status-page.css': style,
  'status-page.js': script,
  'stream-ways.js': script,
  'timed-titles.js': script,
} as const;

/** By the path they are served under: `/assets/player.js`. */
export function loadPageAssets(): Map<string, PageAsset> {
  const assets = new Map<string, PageAsset>();
  for (const [name, contentType] of Object.entries(assetTypes)) {
    const body = readFileSync(new URL(`./assets/${name}`, import.meta.url));
    assets.set(`/assets/${name}`, assetOf(body, contentType, false));
  }
  const { version, code, licence } = readHlsJs();
  assets.set(`/assets/hls-${version}.js`, assetOf(code, script, true));
  assets.set(`/assets/hls-${version}.license.txt`, assetOf(licence, 'text/plain; charset=utf-8', true));
  return assets;
}

/**
 * The build without subtitles, other audio tracks and encryption: audio with low latency and
 * titles is all that is ever played. It names its licence, and no map of sources that nobody serves.
 */
function readHlsJs(): { version: string; code: Buffer; licence: Buffer } {
  const read = (name: string) => readFileSync(new URL(import.meta.resolve(`hls.js/${name}`)), 'utf8');
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const licence = readFileSync(new URL('./LICENSE', import.meta.resolve('hls.js/package.json')));
  const notice = `/*! hls.js ${version}, Copyright Dailymotion, Apache License 2.0: hls-${version}.license.txt */\n`;
  const code = read('dist/hls.light.min.mjs').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
  return { version, code: Buffer.from(notice + code), licence };
}

function assetOf(body: Buffer, contentType: string, isImmutable: boolean): PageAsset {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  let zipped: Buffer | undefined;
  const gzip = () => {
    zipped ??= gzipSync(body);
    return zipped;
  };
  return { contentType, body, etag, isImmutable, gzip };
}
