/** The machine that figures were measured on; without it they say nothing. */
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { isPinned } from './placement.ts';
import { rounded } from './statistics.ts';

export type Machine = {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly distribution: string;
  readonly node: string;
  /** Server and clients each on a processor of their own. */
  readonly isPinned: boolean;
  /** Of the last minute before the run; above some tenths, others were at work. */
  readonly loadBefore: number;
};

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: rounded(totalmem() / 1e9, 3),
    kernel: `${type()} ${release()}`,
    distribution: distributionName(),
    node: process.version,
    isPinned,
    loadBefore: rounded(loadavg()[0] ?? 0, 3),
  };
}

function distributionName(): string {
  try {
    return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown';
  } catch {
    return 'unknown';
  }
}
