/**
 * Reads the head of a request as encoders of every age send it (protocols §1.1), where
 * node:http would refuse it: mixed line ends, 8-bit bytes, the `ICE/1.0` protocol, raw
 * spaces in the queries of old title updates.
 *
 * Forgiving about spelling, strict about framing: a head that two readers could take for
 * requests of different lengths is malformed, as are folded lines and control characters.
 * Bytes, lines and target are bounded. The only error thrown is LegacyStreamError, and any
 * split of the input gives the same result.
 */
import { LegacyStreamError } from '../errors.ts';
import { maxLeadingLineEnds } from './first-line.ts';
import { HeadLineReader } from './head-line-reader.ts';
import { hasControl, isToken, parseHeaderLine, trimBlanks } from './header-line.ts';

/** A request head as the front door read it, before any meaning is given to it. */
export type RequestHead = {
  /** As sent; methods are case-sensitive: `SOURCE`, `PUT`, `GET`, … */
  readonly method: string;
  /**
   * The request target in origin form, 8-bit bytes as Latin-1 characters: `/live.mp3?x=1`,
   * or `*` of an OPTIONS request. Of an absolute target, the path and query.
   */
  readonly target: string;
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'ICE/1.0';
  /** Names in lower case, values trimmed, Latin-1; the first of a repeated name wins. */
  readonly headers: ReadonlyMap<string, string>;
};

export type HeadLimits = {
  readonly maxBytes: number;
  /** The request line included. */
  readonly maxLines: number;
  readonly maxTargetBytes: number;
};

export type RequestHeadResult =
  | { readonly done: false }
  | { readonly done: true; readonly head: RequestHead; readonly rest: Uint8Array };

type RequestLine = Pick<RequestHead, 'method' | 'target' | 'protocol'>;

export class RequestHeadParser {
  readonly #limits: HeadLimits;
  readonly #reader: HeadLineReader;
  readonly #headers = new Map<string, string>();
  #requestLine: RequestLine | undefined;
  #emptyLines = 0;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
    this.#reader = new HeadLineReader(limits, () =>
      this.#requestLine === undefined ? targetTooLong(limits) : headTooLarge(limits),
    );
  }

  /**
   * Takes the next bytes. Once done, `rest` is what belongs to the body; of a later
   * push, all of it.
   * @throws LegacyStreamError LS_HEAD_MALFORMED, LS_HEAD_TOO_LARGE, LS_TARGET_TOO_LONG
   */
  push(chunk: Uint8Array): RequestHeadResult {
    const rest = this.#reader.push(chunk, (line) => this.#onLine(line));
    if (rest === undefined || this.#requestLine === undefined) return { done: false };
    return { done: true, head: { ...this.#requestLine, headers: this.#headers }, rest };
  }

  #onLine(line: string): 'more' | 'end' {
    if (this.#requestLine === undefined) {
      if (line === '') {
        if (++this.#emptyLines > maxLeadingLineEnds) throw malformed('it begins with empty lines');
        return 'more';
      }
      this.#requestLine = parseRequestLine(line, this.#limits);
      return 'more';
    }
    if (line === '') {
      refuseTwoLengths(this.#headers);
      return 'end';
    }
    const [name, value] = parseHeaderLine(line);
    const earlier = this.#headers.get(name);
    if (earlier === undefined) this.#headers.set(name, value);
    else if (name === 'transfer-encoding' || (name === 'content-length' && earlier !== value)) {
      throw malformed(`${name} is given twice`);
    }
    return 'more';
  }
}

/**
 * Reads a request line without its line end: the first word is the method, the last one the
 * protocol, and the target is what stands between.
 * @throws LegacyStreamError LS_HEAD_MALFORMED, LS_TARGET_TOO_LONG
 */
export function parseRequestLine(line: string, limits: HeadLimits): RequestLine {
  const trimmed = trimBlanks(line);
  const first = trimmed.indexOf(' ');
  const last = trimmed.lastIndexOf(' ');
  if (first < 0 || first === last) throw malformed('the request line is not "METHOD target protocol"');
  const method = trimmed.slice(0, first);
  const protocol = trimmed.slice(last + 1);
  const target = originForm(trimBlanks(trimmed.slice(first, last)));
  // The limit comes first, so that a line which is cut off for its length has the same answer.
  if (target.length > limits.maxTargetBytes) throw targetTooLong(limits);
  if (hasControl(trimmed) || trimmed.includes('\t'))
    throw malformed('the request line has a control character');
  if (!isToken(method) || !line.startsWith(method)) throw malformed('it does not begin with a method');
  if (protocol !== 'HTTP/1.1' && protocol !== 'HTTP/1.0' && protocol !== 'ICE/1.0') {
    throw malformed('the protocol is none of HTTP/1.0, HTTP/1.1, ICE/1.0');
  }
  if (!target.startsWith('/') && !(target === '*' && method === 'OPTIONS')) {
    throw malformed('the target does not begin with a slash');
  }
  if (target.includes(' ') && !/^\/admin(?:\.cgi|\/[^ ?]*)\?/.test(target)) {
    throw malformed('the target has a space');
  }
  return { method, target, protocol };
}

/** `http://host/path` as proxies and some encoders send it, without its host. */
function originForm(target: string): string {
  const scheme = /^https?:\/\/[^/?]*/i.exec(target);
  if (scheme === null) return target;
  const rest = target.slice(scheme[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** A body has one length or none (RFC 9112 §6.3): anything else hides a second request. */
function refuseTwoLengths(headers: ReadonlyMap<string, string>): void {
  const length = headers.get('content-length');
  if (length === undefined) return;
  if (!/^\d{1,15}$/.test(length)) throw malformed('content-length is not a number');
  if (headers.has('transfer-encoding')) {
    throw malformed('content-length and transfer-encoding stand together');
  }
}

function malformed(reason: string): LegacyStreamError {
  return new LegacyStreamError('LS_HEAD_MALFORMED', `request head is malformed: ${reason}`);
}

function headTooLarge(limits: HeadLimits): LegacyStreamError {
  return new LegacyStreamError(
    'LS_HEAD_TOO_LARGE',
    `request head is above ${limits.maxBytes} bytes or ${limits.maxLines} lines`,
  );
}

function targetTooLong(limits: HeadLimits): LegacyStreamError {
  return new LegacyStreamError(
    'LS_TARGET_TOO_LONG',
    `request target is longer than ${limits.maxTargetBytes} bytes`,
  );
}
