/** Writes multivariant playlists (RFC 8216bis §4.4.6): one plain audio variant for each rendition. */
import type { HlsWindow } from './hls-window.ts';

export type Variant = {
  /** Relative to the multivariant playlist. */
  readonly uri: string;
  readonly window: HlsWindow;
};

/** Declared peaks are a little above what was measured, so that the next segment does not exceed them. */
const headroom = 1.1;
const granularityBps = 1000;

export function renderMultivariantPlaylist(variants: readonly Variant[]): string {
  const lines = ['#EXTM3U', `#EXT-X-VERSION:6`, '#EXT-X-INDEPENDENT-SEGMENTS'];
  for (const { uri, window } of variants) {
    const { peakBps, averageBps } = bandwidthOf(window);
    lines.push(
      `#EXT-X-STREAM-INF:BANDWIDTH=${peakBps},AVERAGE-BANDWIDTH=${averageBps},CODECS="${window.codecs}"`,
      uri,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** Bits a second of what is listed, container included. */
export function bandwidthOf({ segments, open }: HlsWindow): { peakBps: number; averageBps: number } {
  let bytes = 0;
  let durationS = 0;
  let peak = 0;
  const openParts = open?.parts ?? [];
  // Short ones say little: their first part may hold a frame more than its time.
  const pieces = [...segments.filter(({ gap }) => !gap), ...(segments.length === 0 ? openParts : [])];
  for (const piece of pieces) {
    bytes += piece.bytes;
    durationS += piece.durationS;
    if (piece.durationS >= 0.5) peak = Math.max(peak, (piece.bytes * 8) / piece.durationS);
  }
  const average = durationS > 0 ? (bytes * 8) / durationS : 0;
  return { peakBps: roundUp(Math.max(peak, average) * headroom), averageBps: roundUp(average) };
}

function roundUp(bps: number): number {
  return Math.max(granularityBps, Math.ceil(bps / granularityBps) * granularityBps);
}
