/**
 * Headers of the public pages and their assets. Everything that a page needs comes
 * from its own server, and no script or style stands inside the page. Nobody may put the
 * status page into a frame; the page that is made for frames, and the player, are for
 * every site.
 */
import type { PageAsset } from './page-assets.ts';

const contentRules = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  // The player feeds its audio element itself.
  "media-src 'self' blob:",
  "connect-src 'self'",
  "worker-src 'none'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
];

const everywhere = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'strict-origin-when-cross-origin',
} as const;

export type HeaderFields = Readonly<Record<string, string>>;

/** For HTML: always fresh, since it tells what is on air now. */
export function pageHeaders(): HeaderFields {
  return {
    ...htmlHeaders("frame-ancestors 'none'"),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'X-Frame-Options': 'DENY',
  };
}

/** For the HTML that other sites put into a frame. */
export function embedHeaders(): HeaderFields {
  return { ...htmlHeaders('frame-ancestors *'), 'Cross-Origin-Resource-Policy': 'cross-origin' };
}

function htmlHeaders(frameRule: string): HeaderFields {
  return {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-cache, no-store',
    'Content-Security-Policy': [...contentRules, frameRule].join('; '),
    ...everywhere,
  };
}

/**
 * Assets keep their address across versions, so a cache has to ask each time; a 304 is
 * cheap. Only what has its version in its name is kept for good. Any site may load them:
 * a module of another origin needs to be told so.
 */
export function assetHeaders(asset: PageAsset): HeaderFields {
  return {
    'Content-Type': asset.contentType,
    'Cache-Control': asset.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    ETag: asset.etag,
    'Access-Control-Allow-Origin': '*',
    'Cross-Origin-Resource-Policy': 'cross-origin',
    ...everywhere,
  };
}

/** True when the client's `If-None-Match` names this asset, so that 304 is the answer. */
export function isAssetFresh(asset: PageAsset, ifNoneMatch: string | undefined): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(asset.etag) || tags.includes('*');
}
