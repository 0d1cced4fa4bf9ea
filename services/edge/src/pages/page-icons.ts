/**
 * The icons of the pages as one hidden sprite, 24 × 24 units, drawn with lines in
 * the colour of the text around them. The player brings its own.
 */
import { type Html, html } from './html-template.ts';

export type IconName = 'check' | 'chevron' | 'copy' | 'headphones' | 'playlist' | 'signal';

const shapes: Readonly<Record<IconName, Html>> = {
  check: html`<path d="m5 12.5 4.5 4.5L19 7.5"></path>`,
  chevron: html`<path d="m9 5 7 7-7 7"></path>`,
  copy: html`<rect x="9" y="9" width="11" height="11" rx="2.5"></rect>
<path d="M5 15.5A1.5 1.5 0 0 1 4 14V6a2 2 0 0 1 2-2h8a1.5 1.5 0 0 1 1.5 1"></path>`,
  headphones: html`<path d="M4 15v-2.5a8 8 0 0 1 16 0V15"></path>
<rect x="3.5" y="14" width="4" height="6" rx="1.6"></rect>
<rect x="16.5" y="14" width="4" height="6" rx="1.6"></rect>`,
  playlist: html`<path d="M4 6.5h11M4 11.5h11M4 16.5h6M19.5 16.5v-9l2 1.2"></path>
<circle cx="17.2" cy="16.8" r="2.3"></circle>`,
  signal: html`<circle cx="12" cy="12" r="1.6"></circle>
<path d="M8.3 15.7a5.2 5.2 0 0 1 0-7.4M15.7 8.3a5.2 5.2 0 0 1 0 7.4"></path>
<path d="M5.3 18.7a9.5 9.5 0 0 1 0-13.4M18.7 5.3a9.5 9.5 0 0 1 0 13.4"></path>`,
};

export const iconSprite: Html = html`<svg class="sprite" aria-hidden="true" focusable="false">
${Object.entries(shapes).map(
  ([name, shape]) => html`<symbol id="icon-${name}" viewBox="0 0 24 24">${shape}</symbol>`,
)}
</svg>`;

export function icon(name: IconName): Html {
  return html`<svg class="icon" aria-hidden="true" focusable="false"><use href="#icon-${name}"></use></svg>`;
}
