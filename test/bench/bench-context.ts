/** What all parts of a run share: its options, what it has made so far, and how it says how far it is. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.ts';
import { compileC } from './compile-c.ts';
import { type Certificate, createCertificate } from './servers/certificate.ts';

export type BenchOptions = {
  readonly listeners: number;
  /** Measured for each server, over all rounds together. */
  readonly seconds: number;
  readonly rounds: number;
  /** `storm`: connections a second. */
  readonly rate: number;
  /** `ingest`: how many encoders. */
  readonly sources: number;
  /** `memory`: how many idle mounts. */
  readonly mounts: number;
  /** More settings of ours, `section.key=value`. */
  readonly set: readonly string[];
  /** Folder for CPU profiles of our server, one for each window. */
  readonly profileFolder: string | undefined;
};

export class BenchContext {
  readonly options: BenchOptions;
  readonly cleanup: Cleanup;
  #folder: Promise<string> | undefined;
  #certificate: Promise<Certificate> | undefined;
  readonly #compiled = new Map<string, Promise<string | undefined>>();

  constructor(options: BenchOptions, cleanup: Cleanup) {
    this.options = options;
    this.cleanup = cleanup;
  }

  /** One round's part of the measured time: whole seconds, since servers work in laps of a second. */
  get windowSeconds(): number {
    return Math.max(2, Math.floor(this.options.seconds / this.options.rounds));
  }

  /** To standard error; the figures alone go to standard output. */
  say(text: string): void {
    const seconds = (performance.now() / 1_000).toFixed(1).padStart(6);
    process.stderr.write(`bench: ${seconds} s  ${text}\n`);
  }

  /** @throws Unavailable without openssl */
  async certificate(): Promise<Certificate> {
    this.#certificate ??= this.#temporaryFolder().then(createCertificate);
    return this.#certificate;
  }

  /** A C program, compiled at first use; undefined where there is no compiler. */
  compiled(source: URL): Promise<string | undefined> {
    const known = this.#compiled.get(source.href);
    if (known) return known;
    const compiling = this.#temporaryFolder().then((folder) => compileC(source, folder));
    this.#compiled.set(source.href, compiling);
    return compiling;
  }

  #temporaryFolder(): Promise<string> {
    this.#folder ??= (async () => {
      const folder = await mkdtemp(join(tmpdir(), 'bench-'));
      this.cleanup.add(() => rm(folder, { recursive: true, force: true }));
      // Others than its owner run programs in it.
      await chmod(folder, 0o755);
      return folder;
    })();
    return this.#folder;
  }
}
