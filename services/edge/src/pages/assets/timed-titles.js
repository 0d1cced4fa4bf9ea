/**
 * Reads the titles that stand in the audio itself off the text tracks of an audio element:
 * frames of ID3, as hls.js and the browsers that play HLS themselves give them, and
 * attributes of date ranges, which some of the latter give too.
 */

const meanings = { TIT2: 'title', TPE1: 'artist', 'X-TITLE': 'title', 'X-ARTIST': 'artist' };
/** Cues that were passed so long ago are let go; nobody else does. */
const keptSeconds = 60;
/** Frames of one tag may differ by what rounding does to their times. */
const sameTagSeconds = 0.01;

export class TimedTitles {
  #audio;
  #onTitle;
  #last;
  #stop = new AbortController();

  /** @param onTitle told of a title when the sound comes to it, unless it is the one before */
  constructor(audio, onTitle) {
    this.#audio = audio;
    this.#onTitle = onTitle;
    const { signal } = this.#stop;
    for (const track of audio.textTracks) this.#follow(track);
    audio.textTracks.addEventListener('addtrack', ({ track }) => this.#follow(track), { signal });
  }

  close() {
    this.#stop.abort();
  }

  #follow(track) {
    if (track.kind !== 'metadata') return;
    // A track that is disabled has no active cues.
    track.mode = 'hidden';
    track.addEventListener('cuechange', () => this.#onCues(track), { signal: this.#stop.signal });
  }

  #onCues(track) {
    const title = titleOf([...(track.activeCues ?? [])]);
    const passedTo = this.#audio.currentTime - keptSeconds;
    while (track.cues?.[0]?.endTime < passedTo) track.removeCue(track.cues[0]);
    if (title === undefined || title === this.#last) return;
    this.#last = title;
    this.#onTitle(title);
  }
}

/** Of the tag that began last: `Artist - Title`, as the status page spells it; undefined where there is none. */
export function titleOf(cues) {
  const known = cues.filter(({ value }) => meanings[value?.key] !== undefined);
  if (known.length === 0) return undefined;
  const lastStart = Math.max(...known.map(({ startTime }) => startTime));
  const said = { title: '', artist: '' };
  for (const { startTime, value } of known) {
    if (startTime >= lastStart - sameTagSeconds) said[meanings[value.key]] = String(value.data ?? '');
  }
  return [said.artist, said.title].filter((text) => text !== '').join(' - ');
}
