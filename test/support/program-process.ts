/**
 * A real program that a test drives: its output is kept for messages, and it is ended by
 * its own handle when the test is over, whatever became of it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { findProgram } from '../programs.mjs';

export type ProgramOptions = {
  readonly input?: Uint8Array;
  /** Keeps what it writes to standard output as bytes, apart from `output`. */
  readonly keepsStdout?: boolean;
  /** More than what it has from this process. */
  readonly env?: Readonly<Record<string, string>>;
};

const endTimeoutMs = 5_000;

export class ProgramProcess {
  readonly process: ChildProcess;
  readonly name: string;
  /** Everything that it printed, as Latin-1. */
  output = '';
  readonly exited: Promise<number | null>;
  readonly #stdout: Buffer[] = [];

  constructor(name: string, args: readonly string[], options: ProgramOptions = {}) {
    this.name = name;
    const stdin = options.input ? 'pipe' : 'ignore';
    this.process = spawn(findProgram(name) ?? name, args, {
      stdio: [stdin, 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    this.process.stdout?.on('data', (data: Buffer) => {
      if (options.keepsStdout) this.#stdout.push(data);
      else this.output += data.toString('latin1');
    });
    this.process.stderr?.on('data', (data: Buffer) => {
      this.output += data.toString('latin1');
    });
    this.exited = new Promise((resolve) => {
      this.process.once('close', (code) => resolve(code));
      this.process.once('error', (error) => {
        this.output += `${error}\n`;
        resolve(null);
      });
    });
    // A program that does not want all of its input closes the pipe.
    this.process.stdin?.on('error', () => {}).end(options.input);
  }

  /** Runs a program to its end. @throws when it fails */
  static async run(name: string, args: readonly string[], input?: Uint8Array): Promise<string> {
    const program = new ProgramProcess(name, args, input ? { input } : {});
    const code = await program.exited;
    if (code !== 0) throw new Error(`${name} ${args.join(' ')} exited with ${code}:\n${program.output}`);
    return program.output;
  }

  stdout(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  get isRunning(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Ends it, at first kindly. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.isRunning) return;
    this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), endTimeoutMs);
    await this.exited;
    clearTimeout(timer);
  }
}
