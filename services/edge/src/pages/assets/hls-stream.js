/**
 * Plays the HLS of a stream in an audio element by way of hls.js, which is fetched when it
 * is first needed. Faults of the decoder are recovered from a few times; everything that
 * hls.js gives up on ends the stream, and whoever plays decides what comes next.
 */

import { TagTitles } from './timed-titles.js';

/** Named by its version, so that caches keep it for good; a test holds it to the one that is installed. */
const hlsScript = './hls-1.7.4.js';
/** So many faults of the decoder in such a time are too many. */
const maxRecoveries = 2;
const recoveriesMs = 60_000;
/** A playlist is held back for up to three segments while there is nothing new. */
const playlistMs = 25_000;

const lasting = (maxNumRetry) => ({
  default: {
    maxTimeToFirstByteMs: playlistMs,
    maxLoadTimeMs: playlistMs,
    timeoutRetry: { maxNumRetry: 2, retryDelayMs: 0, maxRetryDelayMs: 0 },
    errorRetry: { maxNumRetry, retryDelayMs: 1000, maxRetryDelayMs: 1000 },
  },
});

const settings = {
  // A worker would have to be made of a blob, which a strict content policy forbids.
  enableWorker: false,
  backBufferLength: 20,
  liveDurationInfinity: true,
  // Titles are taken out of the audio itself, to the frame.
  enableDateRangeMetadataCues: false,
  enableEmsgMetadataCues: false,
  enableID3MetadataCues: false,
  manifestLoadPolicy: lasting(2),
  // As long as it takes until a source that just began has a whole segment.
  playlistLoadPolicy: lasting(10),
};

let loading;

/** A failure is not kept: the next to ask tries anew. */
function loadHls() {
  loading ??= import(hlsScript).catch((reason) => {
    loading = undefined;
    throw reason;
  });
  return loading;
}

export class HlsStream {
  #audio;
  #hls;
  #titles;
  #onBroken;
  #recoveries = 0;
  /** Container and codec of what is played. */
  #format;
  #recoveredMs = 0;
  #isClosed = false;

  /**
   * @param isLowLatency whether parts of segments are played, a second or two behind live
   * @param onTitle told of each title when the sound comes to it
   * @param onBroken told once, with whether another attempt would be in vain
   */
  constructor(audio, address, { isLowLatency, onTitle, onBroken }) {
    this.#audio = audio;
    this.#onBroken = onBroken;
    this.#titles = new TagTitles(audio, onTitle);
    loadHls().then(
      ({ default: Hls }) => {
        if (!this.#isClosed) this.#begin(Hls, address, isLowLatency);
      },
      () => this.#break(true),
    );
  }

  close() {
    this.#isClosed = true;
    this.#titles.close();
    this.#hls?.destroy();
    this.#hls = undefined;
  }

  /** The decoder stumbled. */
  recover() {
    if (this.#isClosed || !this.#hls) return;
    if (performance.now() - this.#recoveredMs > recoveriesMs) this.#recoveries = 0;
    this.#recoveredMs = performance.now();
    this.#recoveries += 1;
    if (this.#recoveries > maxRecoveries) return this.#break(true);
    this.#hls.recoverMediaError();
    this.#play();
  }

  #begin(Hls, address, lowLatencyMode) {
    if (!Hls.isSupported()) return this.#break(true);
    const hls = new Hls({ ...settings, lowLatencyMode });
    this.#hls = hls;
    let hasBegun = false;
    hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => {
      // The last playlist of a stream that is over is there for those that are about to hear its end.
      if (!hasBegun && !details.live) this.#break(false);
      hasBegun = true;
    });
    hls.on(Hls.Events.FRAG_PARSING_METADATA, (_, { samples }) => {
      for (const { pts, data } of samples) this.#titles.add(pts, data);
    });
    hls.on(Hls.Events.FRAG_PARSING_INIT_SEGMENT, (_, { tracks }) => {
      const { codec, container } = tracks.audio ?? {};
      const format = `${container} ${codec}`;
      // hls.js cannot go from one codec to another; what begins anew can.
      if (this.#format !== undefined && this.#format !== format) this.#break(false);
      this.#format = format;
    });
    hls.on(Hls.Events.ERROR, (_, { fatal, type }) => {
      if (!fatal || this.#isClosed) return;
      if (type === Hls.ErrorTypes.MEDIA_ERROR) this.recover();
      else this.#break(type !== Hls.ErrorTypes.NETWORK_ERROR);
    });
    hls.attachMedia(this.#audio);
    hls.loadSource(address);
    this.#play();
  }

  /** Where the browser refuses, so it did when the listener pressed the button. */
  #play() {
    this.#audio.play().catch(() => {});
  }

  #break(isHopeless) {
    if (this.#isClosed) return;
    // hls.js is in the middle of telling us.
    queueMicrotask(() => this.close());
    this.#isClosed = true;
    this.#onBroken(isHopeless);
  }
}
