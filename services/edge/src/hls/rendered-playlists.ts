/**
 * The media playlist of one window as it is sent, whole and as a delta, plain and compressed:
 * written when it is first asked for, and the same buffer for everybody after that.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { HlsWindow } from '@legacystream/core/hls/hls-window.ts';
import { renderMediaPlaylist } from '@legacystream/core/hls/media-playlist.ts';

export type RenderedPlaylist = {
  readonly body: Uint8Array;
  readonly etag: string;
  /** For clients that take it. */
  readonly gzip: () => Uint8Array;
};

const gzipLevel = 5;

export class RenderedPlaylists {
  readonly #window: HlsWindow;
  #whole: RenderedPlaylist | undefined;
  #delta: RenderedPlaylist | undefined;

  constructor(window: HlsWindow) {
    this.#window = window;
  }

  get whole(): RenderedPlaylist {
    this.#whole ??= rendered(renderMediaPlaylist(this.#window));
    return this.#whole;
  }

  get delta(): RenderedPlaylist {
    this.#delta ??= rendered(renderMediaPlaylist(this.#window, { skip: true }));
    return this.#delta;
  }
}

export function rendered(text: string): RenderedPlaylist {
  const body = Buffer.from(text);
  let compressed: Uint8Array | undefined;
  return {
    body,
    etag: `"${createHash('sha1').update(body).digest('base64url').slice(0, 16)}"`,
    gzip: () => {
      compressed ??= gzipSync(body, { level: gzipLevel });
      return compressed;
    },
  };
}
