/**
 * Feeds an audio element with a live stream that goes on at the very byte at which its
 * connection broke, on whatever server answers then: what the server said of where the
 * stream begins is read forward by the bytes that came since. A position can only be read
 * forward while the server remembers its message, so it is renewed every few seconds.
 *
 * Only for formats that a browser takes piece by piece without a container.
 */

const pieceTypes = { 'audio/mpeg': 'audio/mpeg', 'audio/aac': 'audio/aac', 'audio/aacp': 'audio/aac' };
const renewMs = 10_000;
const retryDelaysMs = [100, 500, 1000, 2000, 4000];
/** A connection that is shorter was none. */
const minConnectionMs = 1000;
/** What was played is let go. */
const keptSeconds = 20;
/** No piece waits for the browser to take it for longer than a stream of minutes would. */
const maxQueuedBytes = 16 * 1024 * 1024;

/** What the browser calls the format; undefined where it cannot be fed with it. */
export function pieceTypeOf(type) {
  const known = pieceTypes[type.split(';')[0].trim().toLowerCase()];
  return known && globalThis.MediaSource?.isTypeSupported(known) ? known : undefined;
}

export class ResumingStream {
  #audio;
  #address;
  #url;
  #buffer;
  #onBroken;
  #queue = [];
  #queuedBytes = 0;
  #anchor;
  #sinceAnchor = 0;
  #stop = new AbortController();
  #renewer;

  /** @param onBroken told once when the stream could not be gone on with, and whether the browser refused it */
  constructor(audio, address, pieceType, onBroken) {
    this.#audio = audio;
    this.#address = address;
    this.#onBroken = onBroken;
    const source = new MediaSource();
    this.#url = URL.createObjectURL(source);
    audio.src = this.#url;
    const begin = () => {
      if (this.#stop.signal.aborted) return;
      this.#buffer = source.addSourceBuffer(pieceType);
      this.#buffer.mode = 'sequence';
      this.#buffer.addEventListener('updateend', () => this.#feed());
      this.#follow().catch(() => this.#break());
    };
    source.addEventListener('sourceopen', begin, { once: true });
    this.#renewer = setInterval(() => this.#renew(), renewMs);
  }

  close() {
    clearInterval(this.#renewer);
    this.#stop.abort();
    URL.revokeObjectURL(this.#url);
    this.#queue = [];
  }

  #break(isRefused = false) {
    if (this.#stop.signal.aborted) return;
    this.close();
    this.#onBroken(isRefused);
  }

  /** Connection after connection, until too many of them in a row came to nothing. */
  async #follow() {
    const { signal } = this.#stop;
    for (let failures = 0; failures < retryDelaysMs.length; failures += 1) {
      const response = await fetch(this.#target(), { signal, cache: 'no-store' }).catch(() => undefined);
      if (response?.ok && response.body) {
        this.#begin(response.headers);
        const begunMs = performance.now();
        await this.#read(response.body);
        if (performance.now() - begunMs >= minConnectionMs) failures = -1;
      } else {
        await response?.body?.cancel();
      }
      if (signal.aborted) return;
      await new Promise((resolve) => setTimeout(resolve, retryDelaysMs[Math.max(0, failures)]));
    }
    this.#break();
  }

  async #read(body) {
    try {
      for (const reader = body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) return;
        this.#sinceAnchor += value.byteLength;
        this.#queue.push(value);
        this.#queuedBytes += value.byteLength;
        if (this.#queuedBytes > maxQueuedBytes) this.#break();
        this.#feed();
      }
    } catch {
      // However it ended, the next connection goes on with what is missing.
    }
  }

  #begin(headers) {
    this.#anchor = anchorOf(headers);
    // Bytes of the lead do not count.
    this.#sinceAnchor = -Number(headers.get('X-LegacyStream-Lead') ?? 0);
  }

  #target() {
    if (!this.#anchor) return this.#address;
    const { message, byte } = this.#anchor;
    const url = new URL(this.#address, location.href);
    url.searchParams.set('resume', `${message}.${byte + this.#sinceAnchor}`);
    return url.href;
  }

  async #renew() {
    const anchor = this.#anchor;
    if (!anchor || this.#sinceAnchor < 0) return;
    const since = this.#sinceAnchor;
    const { signal } = this.#stop;
    const answer = await fetch(this.#target(), { method: 'HEAD', signal, cache: 'no-store' }).catch(
      () => undefined,
    );
    const renewed = answer?.ok && anchorOf(answer.headers);
    // Another connection counts from another place already.
    if (!renewed || anchor !== this.#anchor || answer.headers.get('X-LegacyStream-Resumed') !== 'exact')
      return;
    this.#anchor = renewed;
    this.#sinceAnchor -= since;
  }

  /** Gives the browser what has come, and lets go of what was played. */
  #feed() {
    const buffer = this.#buffer;
    if (this.#stop.signal.aborted || buffer.updating) return;
    try {
      const playedTo = this.#audio.currentTime - keptSeconds;
      if (buffer.buffered.length > 0 && buffer.buffered.start(0) < playedTo - keptSeconds) {
        buffer.remove(0, playedTo);
        return;
      }
      const [piece] = this.#queue;
      if (!piece) return;
      buffer.appendBuffer(piece);
      this.#queue.shift();
      this.#queuedBytes -= piece.byteLength;
    } catch (reason) {
      // A full buffer is fed again when the next piece comes: by then some of it was played.
      if (reason?.name !== 'QuotaExceededError') this.#break(true);
    }
  }
}

function anchorOf(headers) {
  const [, message, byte] = /^(\d+\.\d+)\.(\d+)$/.exec(headers.get('X-LegacyStream-Position') ?? '') ?? [];
  return message && { message, byte: Number(byte) };
}
