/** What the source process is asked for, and what it tells of itself. */
import type { CountingFormat } from '../support/counting-frames.ts';

export type SourceRequest = {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly mounts: readonly string[];
  readonly format: CountingFormat;
  /** Audio sent at once, so that there is a burst to give. */
  readonly headStartMs: number;
  readonly framesPerWrite: number;
  /** 1 is real time. */
  readonly speed: number;
};

export type SourceState = { readonly onAir: number; readonly unsentBytes: number };
