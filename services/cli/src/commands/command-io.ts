/** What a command may touch of the process it runs in, so that tests run it without one. */
export interface CommandIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  stdout(text: string): void;
  stderr(text: string): void;
  /** The UTF-8 text of a file; throws when it cannot be read. */
  readFile(path: string): string;
  /** Everything that standard input holds, up to a bound of the reader's. */
  readStdin(): Promise<string>;
}
