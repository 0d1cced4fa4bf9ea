/**
 * What a publisher has published last, in order, so that what a broken connection
 * swallowed can be sent again and what was published without one is sent late.
 *
 *     evicted │ sent, confirmed │ sent, not confirmed │ waiting
 *             ↑ oldest          ↑ confirmed           ↑ next       ↑ newest
 *
 * Bounded by age and by bytes, each message charged a fixed overhead; the oldest goes first.
 * A message counts as lost when it goes without ever having been sent, or when its
 * connection broke before the server was known to have it.
 */
export type RingMessage = {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly order: number;
  readonly atMs: number;
};

export type AudioRingOptions = { readonly maxAgeMs: number; readonly maxBytes: number };

export const ringOverheadBytes = 128;

export class AudioRing {
  readonly #options: AudioRingOptions;
  readonly #onLost: (count: number) => void;
  #messages: RingMessage[] = [];
  #head = 0;
  #bytes = 0;
  #newest = 0;
  /** Orders: the next to send, the first that was never sent, and the last that the server has. */
  #next = 1;
  #fresh = 1;
  #confirmed = 0;
  #confirmedAtMs = Number.NEGATIVE_INFINITY;
  /** Sent, not confirmed, and evicted since. */
  #doubtful = 0;

  constructor(options: AudioRingOptions, onLost: (count: number) => void) {
    this.#options = options;
    this.#onLost = onLost;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#messages.length - this.#head;
  }

  /** Messages that wait to be sent, for the first time or again. */
  get waiting(): number {
    return this.#newest + 1 - this.#next;
  }

  append(subject: string, data: Uint8Array, nowMs: number): void {
    this.#messages.push({ subject, data, order: ++this.#newest, atMs: nowMs });
    this.#bytes += data.byteLength + ringOverheadBytes;
    this.expire(nowMs);
    while (this.#bytes > this.#options.maxBytes && this.length > 0) this.#evict();
  }

  /** The next message to send; it stays the next until {@link advance}. */
  peek(): RingMessage | undefined {
    return this.#messages[this.#head + this.#next - (this.#messages[this.#head]?.order ?? this.#next)];
  }

  /** The next message has been sent. @returns whether for the first time */
  advance(): boolean {
    const isFresh = this.#next === this.#fresh;
    this.#next += 1;
    if (isFresh) this.#fresh = this.#next;
    return isFresh;
  }

  /** A mark to be given to {@link confirm} when the server is known to have all that was sent. */
  get sentMark(): number {
    return this.#next - 1;
  }

  confirm(mark: number, sentAtMs: number): void {
    if (mark < this.#confirmed) return;
    this.#confirmed = mark;
    this.#confirmedAtMs = sentAtMs;
    this.#doubtful = 0;
  }

  /**
   * The connection is gone: what the server did not confirm will be sent again, and
   * `marginMs` of what it did, because it may not have passed that on.
   */
  rewind(marginMs: number): void {
    if (this.#doubtful > 0) this.#onLost(this.#doubtful);
    this.#doubtful = 0;
    const sinceMs = this.#confirmedAtMs - marginMs;
    const first = this.#messages.findIndex((message, i) => i >= this.#head && message.atMs >= sinceMs);
    const recent = first < 0 ? this.#newest + 1 : this.#messages[first]!.order;
    const order = Math.min(recent, this.#confirmed + 1);
    this.#next = Math.min(this.#next, Math.max(order, this.#oldestOrder));
    this.#confirmed = Math.min(this.#confirmed, this.#next - 1);
  }

  /** Everything that is held will be sent again. */
  rewindAll(): void {
    this.#next = Math.min(this.#next, this.#oldestOrder);
  }

  /** The newest messages of a subject since a time, oldest first, within so many bytes. */
  tail(subject: string, sinceMs: number, maxBytes: number): Uint8Array[] {
    const found: Uint8Array[] = [];
    let bytes = 0;
    for (let i = this.#messages.length - 1; i >= this.#head; i--) {
      const message = this.#messages[i]!;
      if (message.atMs < sinceMs) break;
      if (message.subject !== subject) continue;
      bytes += message.data.byteLength;
      if (bytes > maxBytes) break;
      found.push(message.data);
    }
    return found.reverse();
  }

  expire(nowMs: number): void {
    const sinceMs = nowMs - this.#options.maxAgeMs;
    while (this.length > 0 && this.#messages[this.#head]!.atMs < sinceMs) this.#evict();
  }

  /** Forgets everything; what was never sent is lost. */
  clear(): void {
    while (this.length > 0) this.#evict();
  }

  get #oldestOrder(): number {
    return this.#messages[this.#head]?.order ?? this.#newest + 1;
  }

  #evict(): void {
    const { order, data } = this.#messages[this.#head]!;
    this.#head += 1;
    this.#bytes -= data.byteLength + ringOverheadBytes;
    if (order >= this.#fresh) this.#onLost(1);
    else if (order > this.#confirmed) this.#doubtful += 1;
    if (this.#next <= order) this.#next = order + 1;
    if (this.#fresh <= order) this.#fresh = order + 1;
    if (this.#head * 2 > this.#messages.length && this.#head > 64) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    } else if (this.#head === this.#messages.length) {
      this.#messages = [];
      this.#head = 0;
    }
  }
}
