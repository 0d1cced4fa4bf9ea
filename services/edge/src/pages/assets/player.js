/**
 * <legacystream-player src="/live.aac" type="audio/aac" name="Station">: a player for
 * one live stream, on the status page and on any other site. Pausing drops the connection
 * and playing again joins the stream as it is by then; what breaks is begun anew a few
 * times, and in another way where the first does not work, before the player gives up.
 * Only one player of a page sounds at a time. stream-ways.js says what is played how.
 *
 * Attributes: `src` and `name`; `type`, without which the server is asked; `hls`, the
 * address of the HLS playlist, empty where there is none, without it `<src>/playlist.m3u8`;
 * `prefer`, which is `hls` or `plain`; `latency="low"`; `titles`, for the name and what is
 * playing to be shown in the player itself. The element reflects what it does in `state`
 * (`idle`, `connecting`, `playing` or `error`), and how in `way`. It fires, bubbling,
 * `legacystream-state` when that changes, and `legacystream-title` when the sound comes
 * to another title that stands in the stream.
 */

import { HlsStream } from './hls-stream.js';
import { iconOf, make, rememberedVolume, rememberVolume } from './player-parts.js';
import { PolledTitles } from './polled-titles.js';
import { pieceTypeOf, ResumingStream } from './resuming-stream.js';
import { browserPowers, dependsOnType, waysToPlay } from './stream-ways.js';
import { CueTitles } from './timed-titles.js';

const retryDelaysMs = [1000, 2000, 4000, 8000, 15_000];
/** Attempts in a row without a sound after which another way is tried, where this one did work before. */
const maxSilentAttempts = 3;
/** A way that has brought no sound by then is left for another. Three segments of HLS have come by then. */
const maxSilenceMs = 15_000;
/** The clock of a browser that cannot play what it has does not get this far. */
const minSoundSeconds = 0.1;
const askTypeMs = 5000;
const styleAddress = new URL('./player.css', import.meta.url).href;

/** The player that sounds, if any. */
let current;

class LegacyStreamPlayer extends HTMLElement {
  #audio = new Audio();
  #stream;
  #titles;
  #timedTitle;
  /** Ways that are left, the one in use first. */
  #ways = ['plain'];
  /** Whether the way in use has brought a sound, and attempts since that brought none. */
  #hasWorked = false;
  #silentAttempts = 0;
  /** Where the clock stood when the browser said that it plays; undefined once it has moved. */
  #soundFrom;
  #silenceTimer;
  /** Whether the browser has refused to be fed with what it said it can be fed with. */
  #isUnfed = false;
  #hasDecoderFault = false;
  /** Counts connections, so that an answer for an earlier one is known as such. */
  #attempt = 0;
  #button;
  #status;
  #now;
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

  /** The title that the sound has come to; undefined while the stream itself tells none. */
  get timedTitle() {
    return this.#timedTitle;
  }

  play() {
    if (current !== undefined && current !== this) current.stop();
    current = this;
    this.#failures = 0;
    this.#startedAt = 0;
    this.#isUnfed = false;
    this.#hasDecoderFault = false;
    this.#disconnect();
    this.#show('connecting', 'Connecting…');
    const prefer = this.getAttribute('prefer') ?? undefined;
    const wish = { hasHls: this.getAttribute('hls') !== '', prefer, powers: browserPowers() };
    const type = this.getAttribute('type') ?? '';
    const begin = (knownType) => {
      this.#takeWay(waysToPlay({ ...wish, type: knownType }));
      this.#connect();
    };
    // Some browsers allow a sound only in the very moment in which the button is pressed.
    if (type !== '' || !dependsOnType(wish)) return begin(type);
    const attempt = this.#attempt;
    this.#askType().then((asked) => {
      if (attempt === this.#attempt) begin(asked);
    });
  }

  stop() {
    if (current === this) current = undefined;
    this.#disconnect();
    this.#show('idle', 'Listen live');
  }

  #addresses() {
    const address = this.getAttribute('src') ?? '';
    return { address, hlsAddress: this.getAttribute('hls') ?? `${address.split('?', 1)[0]}/playlist.m3u8` };
  }

  async #askType() {
    const { address } = this.#addresses();
    const signal = AbortSignal.timeout(askTypeMs);
    const answer = await fetch(address, { method: 'HEAD', cache: 'no-store', signal }).catch(() => undefined);
    const type = answer?.ok ? (answer.headers.get('Content-Type') ?? '') : '';
    if (type !== '') this.setAttribute('type', type);
    return type;
  }

  #takeWay(ways) {
    this.#ways = ways;
    this.#hasWorked = false;
    this.#silentAttempts = 0;
    this.setAttribute('way', ways[0]);
  }

  #connect() {
    this.#disconnect();
    this.#silentAttempts += 1;
    this.#show('connecting', this.#failures === 0 ? 'Connecting…' : 'Reconnecting…');
    const { address, hlsAddress } = this.#addresses();
    const [way] = this.#ways;
    if (way === 'plain') {
      if (this.hasAttribute('titles') && URL.canParse(address, location.href))
        this.#titles = new PolledTitles(address, (title) => this.#showTitle(title));
      const pieceType = pieceTypeOf(this.getAttribute('type') ?? '');
      if (pieceType && !this.#isUnfed)
        this.#stream = new ResumingStream(this.#audio, address, pieceType, (isRefused) =>
          isRefused ? this.#onFault() : this.#onBroken(),
        );
      else this.#audio.src = address;
    } else if (way === 'native-hls') {
      this.#titles = new CueTitles(this.#audio, (title) => this.#onTimedTitle(title));
      this.#audio.src = hlsAddress;
    } else {
      this.#stream = new HlsStream(this.#audio, hlsAddress, {
        isLowLatency: this.getAttribute('latency') === 'low',
        onTitle: (title) => this.#onTimedTitle(title),
        onBroken: (isHopeless) => this.#onBroken(isHopeless),
      });
    }
    if (this.#ways.length > 1 && !this.#hasWorked)
      this.#silenceTimer = setTimeout(() => this.#onBroken(true), maxSilenceMs);
    const attempt = this.#attempt;
    this.#audio.play().catch((reason) => {
      // A refusal of the browser is no fault of the stream, so trying again by itself is no use.
      if (reason?.name === 'NotAllowedError' && attempt === this.#attempt)
        this.#fail('Press play once more to start the sound');
    });
  }

  /** Without an address the browser lets go of the connection at once. */
  #disconnect() {
    this.#attempt += 1;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#silenceTimer);
    clearInterval(this.#clockTimer);
    this.#soundFrom = undefined;
    this.#titles?.close();
    this.#titles = undefined;
    this.#timedTitle = undefined;
    this.#stream?.close();
    this.#stream = undefined;
    this.#audio.removeAttribute('src');
    this.#audio.load();
  }

  /** That of an earlier address may still be told after the next was set. */
  #onPlaying() {
    if (this.#audio.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA)
      this.#soundFrom = this.#audio.currentTime;
  }

  #onMove() {
    if (this.#soundFrom === undefined || this.#audio.currentTime < this.#soundFrom + minSoundSeconds) return;
    this.#soundFrom = undefined;
    this.#onSound();
  }

  #onSound() {
    clearTimeout(this.#silenceTimer);
    this.#failures = 0;
    this.#hasDecoderFault = false;
    this.#hasWorked = true;
    this.#silentAttempts = 0;
    this.#startedAt ||= performance.now();
    this.#show('playing', '');
    this.#tick();
    clearInterval(this.#clockTimer);
    this.#clockTimer = setInterval(() => this.#tick(), 500);
    this.#announceToSystem();
  }

  #onFault() {
    this.#hasDecoderFault = this.#audio.error?.code === MediaError.MEDIA_ERR_DECODE;
    if (this.#stream instanceof HlsStream) {
      this.#stream.recover();
    } else if (this.#stream instanceof ResumingStream && !this.#hasWorked) {
      this.#isUnfed = true;
      this.#connect();
    } else {
      this.#onBroken();
    }
  }

  /** @param isHopeless whether the way in use has shown that it will not work here */
  #onBroken(isHopeless = false) {
    if (!this.playing) return;
    const isUseless = isHopeless || !this.#hasWorked || this.#silentAttempts >= maxSilentAttempts;
    if (isUseless && this.#ways.length > 1) {
      this.#takeWay(this.#ways.slice(1));
      this.#connect();
      return;
    }
    if (this.#startedAt === 0 && this.#unsupported()) {
      this.#fail('This browser cannot play the format; try the M3U link');
      return;
    }
    const delayMs = retryDelaysMs[this.#failures];
    this.#failures += 1;
    if (delayMs === undefined || (this.#startedAt === 0 && this.#failures > 2)) {
      this.#fail(
        this.#hasDecoderFault ? 'This browser could not play the stream' : 'Could not reach the stream',
      );
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

  #onTimedTitle(title) {
    this.#timedTitle = title;
    this.#showTitle(title);
    this.dispatchEvent(new CustomEvent('legacystream-title', { bubbles: true, detail: { title } }));
  }

  #showTitle(title) {
    if (this.#now) this.#now.textContent = title;
    this.#tellSystem(title);
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
    this.#tellSystem(this.dataset.title ?? '');
  }

  /** Tells lock screens what plays at the live end, unless the stream itself tells what sounds. */
  describe(title) {
    if (this.#timedTitle === undefined) this.#tellSystem(title);
  }

  #tellSystem(title) {
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
    bringStyle();
    const name = this.getAttribute('name') ?? 'the stream';
    this.#listen();
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
      rememberVolume(this.#slider.value);
    });

    const light = make('span', { class: 'player-light', 'aria-hidden': 'true' });
    const sound = make('span', { class: 'player-sound' });
    sound.append(this.#mute, this.#slider);
    const bar = make('div', { class: 'player-bar' });
    bar.append(light, this.#status, sound);
    this.replaceChildren(this.#button, bar, this.#audio);
    if (this.hasAttribute('titles')) this.prepend(this.#buildTitles());

    this.#setVolume(rememberedVolume(), false);
    // Where only the hardware keys set the volume, a slider would be a lie.
    const probe = this.#audio.volume;
    this.#audio.volume = 0.5;
    if (this.#audio.volume !== 0.5) sound.hidden = true;
    this.#audio.volume = probe;
    this.#show('idle', 'Listen live');
  }

  #listen() {
    this.#audio.preload = 'none';
    this.#audio.addEventListener('playing', () => this.#onPlaying());
    this.#audio.addEventListener('timeupdate', () => this.#onMove());
    this.#audio.addEventListener('seeking', () => {
      if (this.#soundFrom !== undefined) this.#soundFrom = this.#audio.currentTime;
    });
    this.#audio.addEventListener('waiting', () => {
      this.#soundFrom = undefined;
      clearInterval(this.#clockTimer);
      if (this.playing) this.#show('connecting', 'Buffering…');
    });
    this.#audio.addEventListener('error', () => this.#onFault());
    this.#audio.addEventListener('ended', () => this.#onBroken());
    this.#audio.addEventListener('loadedmetadata', () => {
      // The last playlist of a stream that is over would be played from its beginning.
      if (this.#ways[0] === 'native-hls' && Number.isFinite(this.#audio.duration)) this.#onBroken();
    });
  }

  #buildTitles() {
    const shown = make('p', { class: 'player-now' });
    const station = make('b', { class: 'player-name', dir: 'auto' });
    station.textContent = this.getAttribute('name') ?? '';
    this.#now = make('span', { class: 'player-title', role: 'status', dir: 'auto' });
    shown.append(station, this.#now);
    return shown;
  }
}

/** A site that embeds the player needs no more than its script. */
function bringStyle() {
  const sheets = [...document.querySelectorAll('link[rel="stylesheet"]')];
  if (sheets.some(({ href }) => href === styleAddress)) return;
  document.head.append(make('link', { rel: 'stylesheet', href: styleAddress }));
}

customElements.define('legacystream-player', LegacyStreamPlayer);
