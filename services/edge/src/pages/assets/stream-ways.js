/**
 * The ways in which a browser can play a stream, best first. A way is `plain` (the one
 * endless answer at the stream's address), `hls` (fed by hls.js) or `native-hls`.
 *
 * What decides is what starts at once and survives a phone that changes networks:
 *
 * - Browsers of Apple play HLS themselves, and only so go on behind a locked screen; what
 *   other browsers have of their own tells no titles.
 * - MP3 is plain where a browser takes it frame by frame: it starts with what the server has
 *   ready, is some seconds behind live and goes on at the very byte at which a connection
 *   broke. HLS would be three segments behind and add only that titles change with the sound.
 * - AAC, Opus and FLAC are HLS: segments are asked for again, titles change with the sound,
 *   and Ogg, which a browser cannot join anew without a seam, comes in a form that it can.
 *
 * Each is the other's way out. A page that wants it otherwise says so with `prefer`.
 */
import { pieceTypeOf } from './resuming-stream.js';

const hlsType = 'application/vnd.apple.mpegurl';
const mp3Type = /^audio\/(?:mpeg|mp3|x-mp3|mpeg3|x-mpeg)\b/i;

/** What this browser is able to do. */
export function browserPowers() {
  const probe = document.createElement('audio');
  return {
    isApple: isOfApple(),
    playsHls: probe.canPlayType(hlsType) !== '',
    isFed: Boolean(globalThis.ManagedMediaSource ?? globalThis.MediaSource),
    isFedPieces: (type) => pieceTypeOf(type) !== undefined,
  };
}

/** WebKit elsewhere calls itself Apple's too, and has HLS of another make. */
function isOfApple() {
  return Boolean(navigator.vendor?.startsWith('Apple')) && /^(?:Mac|iP)/.test(navigator.platform);
}

/** Whether the type of the stream has a say in how it is played. */
export function dependsOnType({ prefer, powers }) {
  return prefer !== 'hls' && !playsNatively(powers);
}

/**
 * @param type content type of the stream; empty where unknown
 * @param prefer `hls` or `plain`, where the page has said so
 */
export function waysToPlay({ type, hasHls, prefer, powers }) {
  if (!hasHls) return ['plain'];
  const byHls = playsNatively(powers) ? 'native-hls' : powers.isFed ? 'hls' : undefined;
  if (byHls === undefined) return ['plain'];
  const isPlainBetter = byHls === 'hls' && mp3Type.test(type) && powers.isFedPieces('audio/mpeg');
  const plainFirst = prefer === undefined ? isPlainBetter : prefer === 'plain';
  return plainFirst ? ['plain', byHls] : [byHls, 'plain'];
}

function playsNatively({ isApple, playsHls, isFed }) {
  return playsHls && (isApple || !isFed);
}
