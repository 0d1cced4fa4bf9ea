/** What became of one test file, or of one check step. */
export type TestFailure = {
  /** Titles from the outermost suite inwards. */
  readonly title: string;
  /** The error as a reader wants it: message, difference, stack. */
  readonly detail: string;
};

export type TestSkip = { readonly title: string; readonly reason: string };

export type TestDuration = { readonly title: string; readonly durationMs: number };

export type FileResult = {
  /** Path from the repository, or the command of a check step. */
  readonly file: string;
  readonly durationMs: number;
  readonly passed: readonly TestDuration[];
  readonly failed: readonly TestFailure[];
  readonly skipped: readonly TestSkip[];
  /** Diagnostics of the tests and of node:test; those that begin with `warning:` are always shown. */
  readonly notes: readonly string[];
  /** What the file printed; shown when it failed. */
  readonly output: string;
};
