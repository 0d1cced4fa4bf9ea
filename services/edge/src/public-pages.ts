/**
 * The pages that every edge answers from shared state: the status page and its assets, the
 * player for the frames of other sites, Icecast's status in JSON and text, playlists.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { isReservedPath, parseMountPath } from '@legacystream/core/mounts/mount-path.ts';
import { parseQuery, splitTarget, textOf } from '@legacystream/core/protocols/query.ts';
import { type Playlist, renderM3u, renderPls, renderXspf } from '@legacystream/core/status/playlists.ts';
import { renderSevenXsl, sevenXslContentType } from '@legacystream/core/status/seven-xsl.ts';
import { renderStatusJson, statusJsonContentType } from '@legacystream/core/status/status-json.ts';
import { clientAddressOf } from '@legacystream/runtime/client-address.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import { baseUrlFor, type FleetStatus, type FleetView } from '@legacystream/runtime/fleet-status.ts';
import type { MountDirectory } from './mount-directory.ts';
import { renderEmbedPage } from './pages/embed-page.ts';
import { hasHls } from './pages/hls-path.ts';
import { notFoundBody, notFoundContentType } from './pages/not-found-page.ts';
import { loadPageAssets } from './pages/page-assets.ts';
import { assetHeaders, embedHeaders, isAssetFresh, pageHeaders } from './pages/page-headers.ts';
import { renderStatusPage } from './pages/status-page.ts';
import { parsePlaylistPath } from './playlist-path.ts';

type Answer = {
  readonly status?: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  /** The body as it was compressed before. */
  readonly gzip?: () => Buffer;
};

const dynamicHeaders = {
  'Cache-Control': 'no-cache, no-store',
  'Access-Control-Allow-Origin': '*',
  'X-Content-Type-Options': 'nosniff',
};
const compressAboveBytes = 1024;
const embedPrefix = '/embed/';

export class PublicPages {
  readonly #settings: Settings;
  readonly #directory: MountDirectory;
  readonly #fleet: FleetStatus;
  readonly #port: () => number;
  readonly #nowMs: () => number;
  readonly #assets = loadPageAssets();

  constructor(
    settings: Settings,
    directory: MountDirectory,
    fleet: FleetStatus,
    port: () => number,
    nowMs: () => number,
  ) {
    this.#settings = settings;
    this.#directory = directory;
    this.#fleet = fleet;
    this.#port = port;
    this.#nowMs = nowMs;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      const allow = { Allow: 'GET, HEAD', 'Content-Type': 'text/plain; charset=utf-8' };
      return send(request, response, { status: 405, headers: allow, body: 'Method not allowed\r\n' }, false);
    }
    const answer = (await this.#answer(request)) ?? {
      status: 404,
      headers: { 'Content-Type': notFoundContentType, ...dynamicHeaders },
      body: notFoundBody(),
    };
    send(request, response, answer, this.#settings.streaming.enableCompression);
  }

  async #answer(request: IncomingMessage): Promise<Answer | undefined> {
    const { rawPath, rawQuery } = splitTarget(request.url ?? '/');
    const asset = this.#assets.get(rawPath === '/favicon.ico' ? '/assets/favicon.svg' : rawPath);
    if (asset) {
      const isFresh = isAssetFresh(asset, request.headers['if-none-match']);
      const headers = assetHeaders(asset);
      return isFresh ? { status: 304, headers, body: '' } : { headers, body: asset.body, gzip: asset.gzip };
    }
    const { host, secure } = clientAddressOf(request.socket, request.headers);
    const baseUrl = baseUrlFor(this.#settings, host, secure, this.#port());
    const mountFilter = () => {
      const value = parseQuery(rawQuery).get('mount');
      return value === undefined ? undefined : textOf(value);
    };
    switch (rawPath) {
      case '/':
      case '/index.html':
      case '/status.xsl':
        return { headers: pageHeaders(), body: this.#statusPage(await this.#view(baseUrl), baseUrl) };
      case '/status-json.xsl': {
        const { status, mounts } = await this.#view(baseUrl);
        return text(statusJsonContentType, renderStatusJson(status, mounts, mountFilter()));
      }
      case '/7.xsl':
        return text(sevenXslContentType, renderSevenXsl((await this.#view(baseUrl)).mounts, mountFilter()));
      case '/robots.txt':
        return text('text/plain; charset=utf-8', 'User-agent: *\nDisallow: /admin/\n');
      default:
        return rawPath.startsWith(embedPrefix) ? this.#embedPage(rawPath) : this.#playlist(rawPath, baseUrl);
    }
  }

  #view(baseUrl: string): Promise<FleetView> {
    return this.#fleet.read(this.#directory.list(), baseUrl);
  }

  #statusPage({ status, mounts }: FleetView, baseUrl: string): string {
    const { server } = this.#settings;
    return renderStatusPage({
      serverName: server.hostname || 'LegacyStream',
      status,
      mounts,
      hasHls: (state) => hasHls(this.#settings, state),
      ingestHost: new URL(baseUrl).host,
      nowMs: this.#nowMs(),
    });
  }

  #embedPage(rawPath: string): Answer | undefined {
    const path = mountPathOrEmpty(rawPath.slice(embedPrefix.length - 1));
    if (path === '' || isReservedPath(path)) return undefined;
    const state = this.#directory.find(path);
    // What a mount will be is not known before it is on air.
    const body = renderEmbedPage({
      path,
      name: state?.info.name ?? '',
      contentType: state?.codecPending ? '' : (state?.contentType ?? ''),
      hasHls: state && !state.codecPending ? hasHls(this.#settings, state) : undefined,
    });
    return { status: state ? 200 : 404, headers: embedHeaders(), body };
  }

  async #playlist(rawPath: string, baseUrl: string): Promise<Answer | undefined> {
    const wanted = parsePlaylistPath(mountPathOrEmpty(rawPath));
    const state = wanted && this.#directory.find(wanted.mountPath);
    if (!wanted || !state) return undefined;
    const [mount] = (await this.#fleet.read([state], baseUrl)).mounts;
    if (!mount) return undefined;
    const name = state.info.name ?? state.path;
    const rendered: Record<typeof wanted.kind, () => Playlist> = {
      m3u: () => renderM3u(mount.listenUrl, state.info.name),
      pls: () => renderPls(mount.listenUrl, name),
      xspf: () => renderXspf(mount.listenUrl, mount),
    };
    const { contentType, body } = rendered[wanted.kind]();
    return text(contentType, body);
  }
}

function text(contentType: string, body: string): Answer {
  return { headers: { 'Content-Type': contentType, ...dynamicHeaders }, body };
}

function mountPathOrEmpty(rawPath: string): string {
  try {
    return parseMountPath(rawPath);
  } catch (error) {
    if (error instanceof LegacyStreamError) return '';
    throw error;
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  mayCompress: boolean,
): void {
  let body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
  const headers: Record<string, string> = { ...answer.headers };
  const accepts = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  if (mayCompress && body.byteLength > compressAboveBytes) {
    headers['Vary'] = 'Accept-Encoding';
    if (accepts) {
      body = answer.gzip?.() ?? gzipSync(body, { level: 4 });
      headers['Content-Encoding'] = 'gzip';
    }
  }
  if (answer.status !== 304) headers['Content-Length'] = String(body.byteLength);
  response.writeHead(answer.status ?? 200, headers);
  response.end(request.method === 'HEAD' || answer.status === 304 ? undefined : body);
}
