/**
 * The picture of a stream that has none: a ring of bars around the play button and
 * a hue, both drawn from the mount path, so that a stream looks the same on every
 * visit and its neighbours look different.
 */
import { type Html, html } from './html-template.ts';

const bars = 60;
const innerRadius = 38;
const shortest = 2;
const longest = 11;
export const hues = 12;

/** FNV-1a; only spread matters here. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** 0 to 11, the number in the style sheet's `.hue-N`. */
export function hueOf(mountPath: string): number {
  return hashOf(mountPath) % hues;
}

/** An SVG of 100 × 100 units, its centre left free. */
export function renderDialArt(mountPath: string): Html {
  const seed = hashOf(`${mountPath}#`);
  const phases = [seed & 0xff, (seed >>> 8) & 0xff, (seed >>> 16) & 0xff].map(
    (byte) => (byte / 255) * 2 * Math.PI,
  );
  const turns = [3, 5 + (seed % 3), 11 + (seed % 5)];
  let path = '';
  for (let bar = 0; bar < bars; bar += 1) {
    const angle = (bar / bars) * 2 * Math.PI;
    const wave =
      turns.reduce((sum, turn, index) => sum + Math.sin(angle * turn + (phases[index] ?? 0)), 0) / 3;
    const outer = innerRadius + shortest + ((wave + 1) / 2) * (longest - shortest);
    path += `M${point(angle, innerRadius)}L${point(angle, outer)}`;
  }
  return html`<svg class="dial-art" viewBox="0 0 100 100" aria-hidden="true" focusable="false"><path d="${path}"></path></svg>`;
}

function point(angle: number, radius: number): string {
  return `${(50 + Math.sin(angle) * radius).toFixed(1)} ${(50 - Math.cos(angle) * radius).toFixed(1)}`;
}
