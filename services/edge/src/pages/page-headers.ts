/**
 * Headers of the public pages and their assets. Everything that a page needs comes
 * from its own server, no script or style stands inside the page, and nobody may
 * put the status page into a frame.
 */
import type { PageAsset } from './page-assets.ts';

const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  // The player feeds its audio element itself.
  "media-src 'self' blob:",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const everywhere = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'strict-origin-when-cross-origin',
} as const;

export type HeaderFields = Readonly<Record<string, string>>;

/** For HTML: always fresh, since it tells what is on air now. */
export function pageHeaders(): HeaderFields {
  return {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-cache, no-store',
    'Content-Security-Policy': contentSecurityPolicy,
    'Cross-Origin-Opener-Policy': 'same-origin',
    'X-Frame-Options': 'DENY',
    ...everywhere,
  };
}

/** Assets keep their address across versions, so a cache has to ask each time; a 304 is cheap. */
export function assetHeaders(asset: PageAsset): HeaderFields {
  return { 'Content-Type': asset.contentType, 'Cache-Control': 'no-cache', ETag: asset.etag, ...everywhere };
}

/** True when the client's `If-None-Match` names this asset, so that 304 is the answer. */
export function isAssetFresh(asset: PageAsset, ifNoneMatch: string | undefined): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(asset.etag) || tags.includes('*');
}
