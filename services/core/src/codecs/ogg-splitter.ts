/**
 * Splits an Ogg byte stream (RFC 3533) into pages, whatever codec they carry.
 *
 * The unit of relaying is the page. Header pages are gathered until the link's headers
 * are whole and given as one headers event in their place; every other page is a frame.
 * A BOS page after that begins a new link (a chained stream). A page whose CRC does not
 * agree is passed over, as are pages before the first BOS page and pages of a logical
 * stream that never began: nobody could decode them. Where a link's headers cannot be
 * told, its pages are relayed as frames and no headers are in force.
 */

import type { FrameSplitter, SplitterEvent, SplitterStats, StreamFormat } from './frame-splitter.ts';
import { InputWindow, inputStepBytes } from './input-window.ts';
import { OggHeaderSet } from './ogg-header-set.ts';
import {
  computeOggCrc,
  isOggCapture,
  measureOggPage,
  type OggPage,
  oggFlags,
  readOggCrc,
  readOggPage,
} from './ogg-page.ts';

/** A place that looks like a page costs a CRC of up to 64 KiB; this bounds how often bytes are gone over. */
const maxFalsePagesWithinPage = 8;

export class OggSplitter implements FrameSplitter {
  readonly #window = new InputWindow();
  readonly #stats: SplitterStats = { frames: 0, skippedBytes: 0, resyncs: 0 };
  #format: StreamFormat = { codec: 'ogg' };
  /** Nothing can be told before the window holds this much. */
  #needBytes = 1;
  #inSync = false;
  #falsePages = 0;
  /** How far from the window's start the false pages seen so far claimed to reach. */
  #falseReach = 0;
  #headers: OggHeaderSet | undefined;
  #phase: 'before' | 'headers' | 'data' | 'opaque' = 'before';
  #headersInForce = false;

  get format(): Readonly<StreamFormat> {
    return this.#format;
  }

  get stats(): Readonly<SplitterStats> {
    return this.#stats;
  }

  push(chunk: Uint8Array): SplitterEvent[] {
    const events: SplitterEvent[] = [];
    for (let at = 0; at < chunk.length; at += inputStepBytes) {
      this.#window.append(chunk.subarray(at, at + inputStepBytes));
      if (this.#window.length >= this.#needBytes) this.#readPages(events, false);
    }
    return events;
  }

  flush(): SplitterEvent[] {
    const events: SplitterEvent[] = [];
    this.#readPages(events, true);
    if (this.#phase === 'headers') {
      this.#stats.skippedBytes += this.#headers?.bytes ?? 0;
      this.#headers = undefined;
      this.#phase = 'before';
    }
    return events;
  }

  #readPages(events: SplitterEvent[], ending: boolean): void {
    const window = this.#window;
    while (window.length > 0) {
      const length = measureOggPage(window.bytes, window.start, window.end);
      if (length === 0) {
        this.#seekCapture();
        continue;
      }
      if (length < 0 || length > window.length) {
        if (!ending) {
          this.#needBytes = Math.abs(length);
          return;
        }
        // What is cut off is no page, but whole ones may stand inside what it claimed.
        this.#inSync = false;
        this.#lose(1);
        continue;
      }
      if (
        computeOggCrc(window.bytes, window.start, window.start + length) !==
        readOggCrc(window.bytes, window.start)
      ) {
        this.#passFalsePage(length);
        continue;
      }
      this.#falsePages = 0;
      this.#falseReach = 0;
      this.#inSync = true;
      const bytes = window.take(length);
      this.#takePage(readOggPage(bytes, 0, length), bytes, events);
    }
    this.#needBytes = 1;
  }

  /** Drops up to the next place where `OggS`, or the first bytes of it, stands. */
  #seekCapture(): void {
    const { bytes, start, end } = this.#window;
    const input = bytes.subarray(start, end);
    let at = input.indexOf(0x4f, 1);
    while (at > 0 && !isOggCapture(input, at, input.length)) at = input.indexOf(0x4f, at + 1);
    this.#lose(at > 0 ? at : input.length);
  }

  #passFalsePage(length: number): void {
    this.#falsePages++;
    this.#falseReach = Math.max(this.#falseReach, length);
    this.#lose(this.#falsePages < maxFalsePagesWithinPage ? 1 : this.#falseReach);
  }

  #lose(count: number): void {
    const lost = Math.min(count, this.#window.length);
    this.#window.drop(lost);
    this.#stats.skippedBytes += lost;
    this.#falseReach = Math.max(0, this.#falseReach - lost);
    if (this.#falseReach === 0) this.#falsePages = 0;
    if (this.#inSync) this.#stats.resyncs++;
    this.#inSync = false;
  }

  #takePage(page: OggPage, bytes: Uint8Array, events: SplitterEvent[]): void {
    if ((page.flags & oggFlags.firstPage) !== 0) this.#beginLink(page);
    const headers = this.#headers;
    if (headers === undefined || (this.#phase !== 'opaque' && !this.#isKnown(page))) {
      this.#stats.skippedBytes += bytes.length;
      return;
    }
    if (this.#phase === 'headers') {
      const role = headers.add(page, bytes);
      if (role === 'header') {
        if (headers.isWhole) this.#giveHeaders(headers, events);
        return;
      }
      if (role === 'data') {
        this.#giveHeaders(headers, events);
      } else {
        const isGathered = this.#giveUpHeaders(headers, events, bytes);
        if (isGathered) return;
      }
    }
    const durationUs =
      headers.find(page.serial) === headers.primary ? headers.primary?.advanceUs(page.granule) : 0;
    const syncPoint = (page.flags & oggFlags.continued) === 0 && page.body.length > 0;
    this.#giveFrame(events, bytes, durationUs ?? 0, syncPoint);
  }

  #isKnown(page: OggPage): boolean {
    return (page.flags & oggFlags.firstPage) !== 0 || this.#headers?.find(page.serial) !== undefined;
  }

  #beginLink(page: OggPage): void {
    if (this.#phase === 'headers' && this.#headers?.takesFirstPage(page.serial)) return;
    // Headers that were still being gathered can no longer become whole.
    if (this.#phase === 'headers') this.#stats.skippedBytes += this.#headers?.bytes ?? 0;
    this.#headers = new OggHeaderSet();
    this.#phase = 'headers';
  }

  #giveHeaders(headers: OggHeaderSet, events: SplitterEvent[]): void {
    const tags = headers.readTags();
    if (tags !== undefined) events.push(tags);
    events.push({ type: 'headers', data: Buffer.concat(headers.releasePages()), inBand: true });
    this.#headersInForce = true;
    this.#phase = 'data';
    this.#format = headers.describe();
  }

  /** Returns whether the latest page was among those gathered and is thereby given. */
  #giveUpHeaders(headers: OggHeaderSet, events: SplitterEvent[], latest: Uint8Array): boolean {
    // The headers of the link before must not be given to those who join this one.
    if (this.#headersInForce) events.push({ type: 'headers', data: new Uint8Array(0), inBand: false });
    this.#headersInForce = false;
    this.#phase = 'opaque';
    this.#stats.resyncs++;
    this.#format = headers.describe();
    const pages = headers.releasePages();
    for (const bytes of pages) this.#giveFrame(events, bytes, 0, false);
    return pages.at(-1) === latest;
  }

  #giveFrame(events: SplitterEvent[], data: Uint8Array, durationUs: number, syncPoint: boolean): void {
    this.#stats.frames++;
    events.push({ type: 'frame', data, durationUs, syncPoint });
  }
}
