/** Asks the server what a stream plays, for players that have nobody else to tell them. */

const periodMs = 10_000;

export class PolledTitles {
  #address;
  #onTitle;
  #last;
  #isClosed = false;
  #timer;

  /** @param onTitle told of each title that differs from the one before */
  constructor(streamAddress, onTitle) {
    const { origin, pathname } = new URL(streamAddress, location.href);
    // The path is encoded already, but for what a query reads otherwise.
    this.#address = `${origin}/status-json.xsl?mount=${pathname.replace(/[&+]/g, encodeURIComponent)}`;
    this.#onTitle = onTitle;
    this.#ask();
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #ask() {
    try {
      const signal = AbortSignal.timeout(periodMs);
      const response = await fetch(this.#address, { cache: 'no-store', signal });
      const source = response.ok ? (await response.json()).icestats.source : undefined;
      if (source) this.#tell(titleOfSource(source));
    } catch {
      // The next time, perhaps: it is the sound that matters.
    }
    if (!this.#isClosed) this.#timer = setTimeout(() => this.#ask(), periodMs);
  }

  #tell(title) {
    if (title === this.#last || this.#isClosed) return;
    this.#last = title;
    this.#onTitle(title);
  }
}

/** `Artist - Title` of a source in /status-json.xsl. */
export function titleOfSource({ artist, title }) {
  return artist ? `${artist} - ${title}` : (title ?? '');
}
