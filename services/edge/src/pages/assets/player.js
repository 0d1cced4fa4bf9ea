/**
 * <legacystream-player src="/live.mp3" type="audio/mpeg" name="Station">: a player for
 * one live stream. Pausing drops the connection and playing again joins the stream
 * as it is by then; a connection that breaks is made anew a few times before the
 * player gives up, without a seam where the browser lets the page feed it with the
 * format. Only one player of a page sounds at a time.
 *
 * Attributes: `src`, `type` and `name`. The element reflects what it does in `state`:
 * `idle`, `connecting`, `playing` or `error`, for style sheets. It fires
 * `legacystream-state` (bubbling) when that changes.
 */

import { pieceTypeOf, ResumingStream } from './resuming-stream.js';

const retryDelaysMs = [1000, 2000, 4000, 8000, 15_000];
const volumeKey = 'legacystream-volume';

const shapes = {
  play: 'M8.2 5.1c0-1 1.1-1.6 2-1.1l10 6.9c.8.5.8 1.7 0 2.2l-10 6.9c-.9.5-2-.1-2-1.1z',
  pause:
    'M7 4h2.6c.7 0 1.2.5 1.2 1.2v13.600c0 .7-.5 1.2-1.2 1.2H7c-.7 0-1.2-.5-1.2-1.200V5.200C5.8 4.5 6.3 4 7 4zm7.4 0H17c.7 0 1.2.5 1.2 1.200v13.600c0 .7-.5 1.2-1.2 1.200h-2.600c-.7 0-1.2-.5-1.2-1.200V5.200c0-.7.5-1.2 1.2-1.200z',
  sound:
    'M11.5 4.6 7.2 8.200H4.500c-.8 0-1.5.7-1.5 1.500v4.600c0 .8.7 1.5 1.5 1.500h2.700l4.3 3.600c.6.5 1.5.1 1.5-.7V5.300c0-.8-.9-1.2-1.5-.7zM16 8.400a5 5 0 0 1 0 7.200l1.3 1.400a6.9 6.9 0 0 0 0-10zm2.6-2.700a8.7 8.7 0 0 1 0 12.600l1.3 1.400a10.6 10.6 0 0 0 0-15.400z',
  muted:
    'M11.5 4.6 7.2 8.200H4.500c-.8 0-1.5.7-1.5 1.500v4.600c0 .8.7 1.5 1.5 1.500h2.700l4.3 3.600c.6.5 1.5.1 1.5-.7V5.300c0-.8-.9-1.2-1.5-.7zm4.6 4.5-1.3 1.3 1.7 1.6-1.7 1.6 1.3 1.3 1.7-1.6 1.6 1.6 1.3-1.3-1.6-1.6 1.6-1.6-1.3-1.3-1.6 1.600z',
};

/** The player that sounds, if any. */
let current;

class LegacyStreamPlayer extends HTMLElement {
  #audio = new Audio();
  #stream;
  #button;
  #status;
  #mute;
  #slider;
  #failures = 0;
  #retryTimer;
  #startedAt = 0;
  #clockTimer;

  connectedCallback() {
    if (this.#button === undefined) this.#build();
  }

  /** A move within the page also lands here; only a player that is really gone falls silent. */
  disconnectedCallback() {
    queueMicrotask(() => {
      if (!this.isConnected) this.stop();
    });
  }

  get playing() {
    return this.getAttribute('state') === 'playing' || this.getAttribute('state') === 'connecting';
  }

  play() {
    if (current !== undefined && current !== this) current.stop();
    current = this;
    this.#failures = 0;
    this.#startedAt = 0;
    this.#connect();
  }

  stop() {
    if (current === this) current = undefined;
    this.#disconnect();
    this.#show('idle', 'Listen live');
  }

  #connect() {
    this.#disconnect();
    this.#show('connecting', this.#failures === 0 ? 'Connecting…' : 'Reconnecting…');
    const address = this.getAttribute('src') ?? '';
    const pieceType = pieceTypeOf(this.getAttribute('type') ?? '');
    if (pieceType) {
      this.#stream = new ResumingStream(this.#audio, address, pieceType, () => this.#onBroken());
    } else {
      this.#audio.src = address;
    }
    this.#audio.play().catch((reason) => {
      // A refusal of the browser is no fault of the stream, so trying again by itself is no use.
      if (reason?.name === 'NotAllowedError') this.#fail('Press play once more to start the sound');
    });
  }

  /** Without an address the browser lets go of the connection at once. */
  #disconnect() {
    clearTimeout(this.#retryTimer);
    clearInterval(this.#clockTimer);
    this.#stream?.close();
    this.#stream = undefined;
    this.#audio.removeAttribute('src');
    this.#audio.load();
  }

  #onPlaying() {
    this.#failures = 0;
    this.#startedAt ||= performance.now();
    this.#show('playing', '');
    this.#tick();
    clearInterval(this.#clockTimer);
    this.#clockTimer = setInterval(() => this.#tick(), 500);
    this.#announceToSystem();
  }

  #onBroken() {
    if (!this.playing) return;
    if (this.#startedAt === 0 && this.#unsupported()) {
      this.#fail('This browser cannot play the format; try the M3U link');
      return;
    }
    const delayMs = retryDelaysMs[this.#failures];
    this.#failures += 1;
    if (delayMs === undefined || (this.#startedAt === 0 && this.#failures > 2)) {
      this.#fail('Could not reach the stream');
      return;
    }
    this.#disconnect();
    this.#show('connecting', 'Reconnecting…');
    this.#retryTimer = setTimeout(() => this.#connect(), delayMs);
  }

  #fail(text) {
    if (current === this) current = undefined;
    this.#disconnect();
    this.#show('error', text);
  }

  #unsupported() {
    const type = this.getAttribute('type') ?? '';
    return type !== '' && this.#audio.canPlayType(type) === '';
  }

  #tick() {
    const seconds = Math.floor((performance.now() - this.#startedAt) / 1000);
    const two = (n) => String(n).padStart(2, '0');
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor(seconds / 60) % 60;
    this.#status.textContent =
      hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  }

  #show(state, text) {
    const name = this.getAttribute('name') ?? 'the stream';
    const sounding = state === 'playing' || state === 'connecting';
    const changed = this.getAttribute('state') !== state;
    this.setAttribute('state', state);
    this.#status.textContent = text;
    // The running clock would be read out every second.
    this.#status.setAttribute('aria-live', state === 'playing' ? 'off' : 'polite');
    this.#button.setAttribute('aria-label', `${sounding ? 'Pause' : 'Play'} ${name}`);
    this.#button.replaceChildren(iconOf(sounding ? 'pause' : 'play'));
    if (changed)
      this.dispatchEvent(new CustomEvent('legacystream-state', { bubbles: true, detail: { state } }));
  }

  /** Lock screens and media keys know what sounds and can stop it. */
  #announceToSystem() {
    if (!('mediaSession' in navigator)) return;
    navigator.mediaSession.setActionHandler('play', () => this.play());
    for (const action of ['pause', 'stop'])
      navigator.mediaSession.setActionHandler(action, () => this.stop());
    this.describe(this.dataset.title ?? '');
  }

  /** Tells lock screens the title that plays now. */
  describe(title) {
    this.dataset.title = title;
    if (current !== this || !('mediaSession' in navigator)) return;
    const name = this.getAttribute('name') ?? '';
    navigator.mediaSession.metadata = new MediaMetadata({ title: title || name, artist: title ? name : '' });
  }

  #setVolume(volume, muted) {
    this.#audio.volume = volume;
    this.#audio.muted = muted;
    this.#slider.value = String(muted ? 0 : Math.round(volume * 100));
    this.#slider.style.setProperty('--level', `${this.#slider.value}%`);
    this.#mute.setAttribute('aria-pressed', String(muted));
    this.#mute.replaceChildren(iconOf(muted || volume === 0 ? 'muted' : 'sound'));
  }

  #build() {
    const name = this.getAttribute('name') ?? 'the stream';
    this.#audio.preload = 'none';
    this.#audio.addEventListener('playing', () => this.#onPlaying());
    this.#audio.addEventListener('waiting', () => {
      clearInterval(this.#clockTimer);
      if (this.playing) this.#show('connecting', 'Buffering…');
    });
    for (const event of ['error', 'ended']) this.#audio.addEventListener(event, () => this.#onBroken());

    this.#button = make('button', { type: 'button', class: 'player-button' });
    this.#button.addEventListener('click', () => (this.playing ? this.stop() : this.play()));
    this.#status = make('span', { class: 'player-status', role: 'status' });
    this.#mute = make('button', { type: 'button', class: 'player-mute', 'aria-label': `Mute ${name}` });
    this.#slider = make('input', {
      type: 'range',
      class: 'player-volume',
      min: '0',
      max: '100',
      'aria-label': `Volume of ${name}`,
    });
    this.#mute.addEventListener('click', () => this.#setVolume(this.#audio.volume || 1, !this.#audio.muted));
    this.#slider.addEventListener('input', () => {
      this.#setVolume(Number(this.#slider.value) / 100, false);
      remember(this.#slider.value);
    });

    const light = make('span', { class: 'player-light', 'aria-hidden': 'true' });
    const sound = make('span', { class: 'player-sound' });
    sound.append(this.#mute, this.#slider);
    const bar = make('div', { class: 'player-bar' });
    bar.append(light, this.#status, sound);
    this.replaceChildren(this.#button, bar, this.#audio);

    this.#setVolume(rememberedVolume(), false);
    // Where only the hardware keys set the volume, a slider would be a lie.
    const probe = this.#audio.volume;
    this.#audio.volume = 0.5;
    if (this.#audio.volume !== 0.5) sound.hidden = true;
    this.#audio.volume = probe;
    this.#show('idle', 'Listen live');
  }
}

function make(tag, attributes) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function iconOf(shape) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', `player-icon player-icon-${shape}`);
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', shapes[shape]);
  svg.append(path);
  return svg;
}

/** Storage may be switched off, which costs no more than the memory of the volume. */
function rememberedVolume() {
  try {
    const percent = Number.parseInt(localStorage.getItem(volumeKey) ?? '', 10);
    return percent >= 0 && percent <= 100 ? percent / 100 : 0.8;
  } catch {
    return 0.8;
  }
}

function remember(percent) {
  try {
    localStorage.setItem(volumeKey, percent);
  } catch {
    // See rememberedVolume.
  }
}

customElements.define('legacystream-player', LegacyStreamPlayer);
