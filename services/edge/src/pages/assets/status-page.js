/**
 * Keeps the status page true without a reload: reads /status-json.xsl every five
 * seconds while somebody looks at the page or listens, writes what changed into the
 * cards, and fetches the page's own HTML to take streams in and out. A player that
 * sounds is never touched.
 */

import { titleOfSource } from './polled-titles.js';

const statusUrl = '/status-json.xsl';
const periodMs = 5000;
const longestPeriodMs = 60_000;

const streams = document.querySelector('#streams');
const connection = document.querySelector('[data-connection]');
const announcer = document.querySelector('[data-announce]');
/** As mount-card.ts says it. */
const untitled = 'This stream sends no titles';
const number = new Intl.NumberFormat('en');

let failures = 0;
let timer;
/** The set of streams that the page's HTML was last fetched for. */
let syncedWith;

document.documentElement.classList.add('has-script');

async function refresh() {
  clearTimeout(timer);
  if (!document.hidden || isListening()) {
    try {
      const sources = await fetchSources();
      await showStreams(sources);
      failures = 0;
      connection.textContent = '';
    } catch {
      failures += 1;
      if (failures > 1) connection.textContent = 'Connection lost, trying again…';
    }
  }
  clearTimeout(timer);
  timer = setTimeout(refresh, Math.min(longestPeriodMs, periodMs * 2 ** failures));
}

/** Icecast's shape: nothing, one object or an array. */
async function fetchSources() {
  const response = await fetch(statusUrl, { cache: 'no-store', signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const { source } = (await response.json()).icestats;
  if (source === undefined) return [];
  return Array.isArray(source) ? source : [source];
}

async function showStreams(sources) {
  const wanted = sources.map((source) => source.listenurl).join('\n');
  const shown = cards()
    .map((card) => card.dataset.listenurl)
    .join('\n');
  if (wanted !== shown && wanted !== syncedWith) {
    await takeInAndOut();
    syncedWith = wanted;
  }
  for (const source of sources) {
    const card = cards().find((candidate) => candidate.dataset.listenurl === source.listenurl);
    if (card !== undefined) showSource(card, source);
  }
  const listeners = sources.reduce((sum, source) => sum + source.listeners, 0);
  setTotal('streams', sources.length, 'stream', 'streams');
  setTotal('listeners', listeners, 'listener', 'listeners');
}

function showSource(card, source) {
  const startedAt = Date.parse(source.stream_start_iso8601.replace(/\+0000$/, 'Z'));
  const player = card.querySelector('legacystream-player');
  const liveTitle = titleOfSource(source);
  // Who listens reads what sounds, which the live end may be ahead of.
  const title = player?.timedTitle ?? liveTitle;
  showTitle(card, title);
  setField(card, 'listeners', number.format(source.listeners));
  setField(card, 'peak', number.format(source.listener_peak));
  setField(card, 'started', describeDuration(Date.now() - startedAt));
  setOptional(card, 'genre', source.genre, 'various');
  setOptional(card, 'description', source.server_description, 'Unspecified description');
  if (source.server_name !== 'Unspecified name') {
    setField(card, 'name', source.server_name);
    player?.setAttribute('name', source.server_name);
  }
  card.toggleAttribute('data-lingering', source.status === 'lingering');
  card.removeAttribute('data-gone');
  player?.describe?.(liveTitle);

  const rows = {
    'Stream Name:': source.server_name,
    'Stream Description:': source.server_description,
    'Genre:': source.genre,
    'Stream started:': source.stream_start,
    'Listeners (current):': source.listeners,
    'Listeners (peak):': source.listener_peak,
    'Currently playing:': title,
  };
  for (const row of card.querySelectorAll('.yellowkeys tr')) {
    const value = rows[row.cells[0].textContent];
    if (value !== undefined) setText(row.cells[1], String(value));
  }
}

function showTitle(card, title) {
  const isNew = setField(card, 'title', title || untitled);
  card.querySelector('.now-title').classList.toggle('untitled', title === '');
  if (isNew && title && card.querySelector('legacystream-player')?.playing)
    announcer.textContent = `Now playing: ${title}`;
}

/** A card whose player sounds stays until it is stopped, marked as gone. */
async function takeInAndOut() {
  const response = await fetch(location.pathname, { cache: 'no-store', signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`page ${response.status}`);
  const fetched = new DOMParser()
    .parseFromString(await response.text(), 'text/html')
    .querySelector('#streams');
  const known = new Map(cards().map((card) => [card.dataset.listenurl, card]));
  const wanted = [...fetched.children].map(
    (child) => known.get(child.dataset.listenurl) ?? document.adoptNode(child),
  );
  for (const child of [...streams.children]) {
    if (wanted.includes(child)) continue;
    if (child.querySelector('legacystream-player')?.playing) child.setAttribute('data-gone', '');
    else child.remove();
  }
  if (streams.querySelector('.card') !== null && fetched.querySelector('.card') === null) return;
  let place = streams.firstElementChild;
  for (const child of wanted) {
    while (place?.hasAttribute('data-gone')) place = place.nextElementSibling;
    if (child === place) place = place.nextElementSibling;
    else streams.insertBefore(child, place);
  }
}

function cards() {
  return [...streams.querySelectorAll('.card')];
}

function isListening() {
  return cards().some((card) => card.querySelector('legacystream-player')?.playing);
}

function setField(card, field, text) {
  const element = card.querySelector(`[data-field="${field}"]`);
  return element !== null && setText(element, text);
}

/** Icecast's word for what nobody said is not worth showing. */
function setOptional(card, field, text, unsaid) {
  const shown = text === unsaid ? '' : text;
  setField(card, field, shown);
  card.querySelector(`[data-field="${field}"]`).hidden = shown === '';
}

function setText(element, text) {
  if (element.textContent === text) return false;
  element.textContent = text;
  return true;
}

function setTotal(name, value, one, many) {
  setText(document.querySelector(`[data-total="${name}"]`), number.format(value));
  setText(document.querySelector(`[data-total="${name}-word"]`), value === 1 ? one : many);
}

/** As time-on-air.ts spells it. */
function describeDuration(durationMs) {
  const minutes = Math.max(0, Math.floor(durationMs / 60_000));
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min` : 'under 1 min';
}

/** The clipboard is there on secure origins only; elsewhere the text is selected in a field. */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'visually-hidden';
  document.body.append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  if (!copied) throw new Error('not copied');
}

document.addEventListener('click', async (event) => {
  const button = event.target instanceof Element ? event.target.closest('[data-copy]') : null;
  if (button === null) return;
  const label = button.querySelector('span');
  button.dataset.label ??= label.textContent;
  try {
    await copy(button.dataset.copy);
    label.textContent = 'Copied';
    button.classList.add('copied');
  } catch {
    label.textContent = 'Could not copy';
  }
  announcer.textContent = label.textContent;
  setTimeout(() => {
    label.textContent = button.dataset.label;
    button.classList.remove('copied');
  }, 2000);
});

document.addEventListener('legacystream-state', (event) => {
  event.target.closest('.card')?.setAttribute('data-player', event.detail.state);
  if (event.detail.state === 'idle') syncedWith = undefined;
});
document.addEventListener('legacystream-title', (event) => {
  const card = event.target.closest('.card');
  if (card !== null) showTitle(card, event.detail.title);
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) refresh();
});
timer = setTimeout(refresh, periodMs);
