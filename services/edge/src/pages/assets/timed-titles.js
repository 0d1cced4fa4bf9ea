/**
 * The titles that stand in the audio itself, told when the sound comes to them: from the tags
 * of ID3 that hls.js takes out of the segments, or off the text tracks of a browser that plays
 * HLS by its own means.
 */

const meanings = { TIT2: 'title', TPE1: 'artist', 'X-TITLE': 'title', 'X-ARTIST': 'artist' };
/** Frames of one tag may differ by what rounding does to their times. */
const sameTagSeconds = 0.01;
/** Every segment repeats the title, and some tens of them are fetched ahead at most. */
const maxAhead = 500;
const utf8 = new TextDecoder();

/**
 * Keeps tags until the sound comes to them. hls.js could do so by a track of cues of its own,
 * for which it would need an address that a strict content policy forbids.
 */
export class TagTitles {
  #audio;
  #ahead = [];
  #tell;
  #stop = new AbortController();

  /** @param onTitle told of a title when the sound comes to it, unless it is the one before */
  constructor(audio, onTitle) {
    this.#audio = audio;
    this.#tell = whenNew(onTitle);
    const { signal } = this.#stop;
    for (const event of ['timeupdate', 'playing'])
      audio.addEventListener(event, () => this.#look(), { signal });
  }

  close() {
    this.#stop.abort();
  }

  /** @param tag one that has no title is let be */
  add(seconds, tag) {
    const title = titleOfTag(tag);
    if (title === undefined) return;
    this.#ahead.push({ seconds, title });
    this.#ahead.sort((a, b) => a.seconds - b.seconds);
    if (this.#ahead.length > maxAhead) this.#ahead.shift();
  }

  #look() {
    const now = this.#audio.currentTime;
    let title;
    while (this.#ahead[0]?.seconds <= now) ({ title } = this.#ahead.shift());
    if (title !== undefined) this.#tell(title);
  }
}

/** Reads cues of ID3, and of date ranges where a browser makes cues of them. */
export class CueTitles {
  #tell;
  #stop = new AbortController();

  /** @param onTitle told of a title when the sound comes to it, unless it is the one before */
  constructor(audio, onTitle) {
    this.#tell = whenNew(onTitle);
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
    const look = () => {
      const title = titleOfCues([...(track.activeCues ?? [])]);
      if (title !== undefined) this.#tell(title);
    };
    track.addEventListener('cuechange', look, { signal: this.#stop.signal });
  }
}

/** `Artist - Title`, as it is spelt everywhere; undefined for a tag that says nothing of either. */
export function titleOfTag(tag) {
  const said = { title: '', artist: '' };
  let isKnown = false;
  // Version 2.4, whose sizes have seven bits a byte; a body of each frame ends with zeroes.
  for (let at = 10; at + 11 <= tag.length; ) {
    const end = at + 10 + sizeAt(tag, at + 4);
    const meaning = meanings[String.fromCharCode(...tag.subarray(at, at + 4))];
    if (end > tag.length || tag[at] === 0) break;
    if (meaning !== undefined && tag[at + 10] === 3) {
      said[meaning] = utf8.decode(tag.subarray(at + 11, end)).replace(/\0+$/, '');
      isKnown = true;
    }
    at = end;
  }
  return isKnown ? joined(said) : undefined;
}

/** Of the tag that began last; undefined where none of the cues is of a title. */
export function titleOfCues(cues) {
  const known = cues.filter(({ value }) => meanings[value?.key] !== undefined);
  if (known.length === 0) return undefined;
  const lastStart = Math.max(...known.map(({ startTime }) => startTime));
  const said = { title: '', artist: '' };
  for (const { startTime, value } of known) {
    if (startTime >= lastStart - sameTagSeconds) said[meanings[value.key]] = String(value.data ?? '');
  }
  return joined(said);
}

function joined({ artist, title }) {
  return [artist, title].filter((text) => text !== '').join(' - ');
}

function sizeAt(tag, at) {
  return (tag[at] << 21) | (tag[at + 1] << 14) | (tag[at + 2] << 7) | tag[at + 3];
}

function whenNew(onTitle) {
  let last;
  return (title) => {
    if (title === last) return;
    last = title;
    onTitle(title);
  };
}
