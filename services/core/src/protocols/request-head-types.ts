/** A request head as the front door read it, before any meaning is given to it. */
export type RequestHead = {
  /** As sent, upper case: `SOURCE`, `PUT`, `GET`, … */
  readonly method: string;
  /** The request target as sent, 8-bit bytes as Latin-1 characters: `/live.mp3?x=1`, `*`. */
  readonly target: string;
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'ICE/1.0';
  /** Names in lower case, values trimmed, Latin-1; the first of a repeated name wins, except that `set-cookie`-like joins are not made. */
  readonly headers: ReadonlyMap<string, string>;
};
