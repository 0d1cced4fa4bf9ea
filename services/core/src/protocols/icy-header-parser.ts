/**
 * Reads the header block that a SHOUTcast v1 source sends after its password
 * (protocols §2.1): `icy-name:…` lines up to an empty one, after which audio follows.
 *
 * The bytes often come in one piece with the password before them and audio after them,
 * so nothing past the empty line is touched. Lines that are no headers are passed over,
 * since nothing hangs on them; control characters and heads above the limits are not.
 */
import { LegacyStreamError } from '../errors.ts';
import { HeadLineReader, type LineLimits } from './head-line-reader.ts';
import { hasControl, isToken, parseHeaderLine } from './header-line.ts';

export type IcyHeaderResult =
  | { readonly done: false }
  | { readonly done: true; readonly headers: ReadonlyMap<string, string>; readonly rest: Uint8Array };

export class IcyHeaderParser {
  readonly #reader: HeadLineReader;
  readonly #headers = new Map<string, string>();

  constructor(limits: LineLimits) {
    this.#reader = new HeadLineReader(
      limits,
      () =>
        new LegacyStreamError(
          'LS_HEAD_TOO_LARGE',
          `header block is above ${limits.maxBytes} bytes or ${limits.maxLines} lines`,
        ),
    );
  }

  /**
   * Takes the next bytes. Once done, `rest` is audio; of a later push, all of it.
   * @throws LegacyStreamError LS_HEAD_MALFORMED, LS_HEAD_TOO_LARGE
   */
  push(chunk: Uint8Array): IcyHeaderResult {
    const rest = this.#reader.push(chunk, (line) => this.#onLine(line));
    return rest === undefined ? { done: false } : { done: true, headers: this.#headers, rest };
  }

  #onLine(line: string): 'more' | 'end' {
    if (line === '') return 'end';
    if (isToken(line.slice(0, Math.max(0, line.indexOf(':'))))) {
      const [name, value] = parseHeaderLine(line);
      if (!this.#headers.has(name)) this.#headers.set(name, value);
    } else if (hasControl(line)) {
      throw new LegacyStreamError('LS_HEAD_MALFORMED', 'header block has a control character');
    }
    return 'more';
  }
}
