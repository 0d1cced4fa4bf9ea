/**
 * Keeps chosen documents of the memory store over restarts, in one JSON file of the data
 * directory: `{ "version": 1, "documents": [{ kind, id, value, epoch?, expiresAtMs? }] }`
 * with times of the wall clock in milliseconds.
 *
 * Changes reach the disk within about a second, whole or not at all. A disk that is full
 * or failing is reported once, until a write succeeds again, and never disturbs the store;
 * a file that is not ours is set aside as `<name>.corrupt`.
 */
import { open, rename } from 'node:fs/promises';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { DocumentKind, Json } from '@legacystream/core/ports/state-store.ts';
import { writePrivateFile } from './write-private-file.ts';

export type StoredDocument = {
  readonly kind: DocumentKind;
  readonly id: string;
  readonly value: Json;
  readonly epoch?: number;
  readonly expiresAtMs?: number;
};

export type StateFileOptions = {
  readonly path: string;
  readonly clock: Clock;
  /** Gets one plain sentence for the operator, and the error behind it. */
  readonly warn: (message: string, error: unknown) => void;
};

const writeDelayMs = 1000;
const retryDelayMs = 10_000;
const maxFileBytes = 64 * 1024 * 1024;

export class StateFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #warn: (message: string, error: unknown) => void;
  #snapshot: (() => readonly StoredDocument[]) | undefined;
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #failing = false;
  /** False when there is a file that can be neither read nor set aside: it is not overwritten. */
  #writable = true;

  constructor(options: StateFileOptions) {
    this.#path = options.path;
    this.#clock = options.clock;
    this.#warn = options.warn;
  }

  /** What the file holds; nothing where it is missing or not ours. Never rejects. */
  async load(): Promise<readonly StoredDocument[]> {
    let text: string;
    try {
      const file = await open(this.#path, 'r');
      try {
        const { size } = await file.stat();
        text = size > maxFileBytes ? '' : await file.readFile('utf8');
      } finally {
        await file.close();
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      this.#writable = false;
      this.#warn(`${this.#path} cannot be read; bans, peaks and settings are kept in memory only`, error);
      return [];
    }
    try {
      return parseDocuments(text);
    } catch (error) {
      await this.#setAside(error);
      return [];
    }
  }

  /** Has `snapshot` asked and its answer written within about a second. */
  changed(snapshot: () => readonly StoredDocument[]): void {
    if (!this.#writable) return;
    this.#snapshot = snapshot;
    if (!this.#failing) this.#timer ??= this.#clock.after(writeDelayMs, () => void this.#write());
  }

  /** Writes what was changed and not written yet. Never rejects. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#write();
    this.#timer?.cancel();
    this.#snapshot = undefined;
  }

  async #write(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#snapshot || this.#writing) return;
    const snapshot = this.#snapshot;
    this.#snapshot = undefined;
    this.#writing = this.#replace(snapshot);
    await this.#writing;
    this.#writing = undefined;
    if (this.#snapshot) {
      this.#timer ??= this.#clock.after(
        this.#failing ? retryDelayMs : writeDelayMs,
        () => void this.#write(),
      );
    }
  }

  async #replace(snapshot: () => readonly StoredDocument[]): Promise<void> {
    try {
      await writePrivateFile(this.#path, `${JSON.stringify({ version: 1, documents: snapshot() })}\n`);
      this.#failing = false;
    } catch (error) {
      this.#snapshot ??= snapshot;
      if (!this.#failing)
        this.#warn(`${this.#path} cannot be written; what changes now may be lost with the process`, error);
      this.#failing = true;
    }
  }

  async #setAside(reason: unknown): Promise<void> {
    const aside = `${this.#path}.corrupt`;
    try {
      await rename(this.#path, aside);
      this.#warn(`${this.#path} is damaged; it was set aside as ${aside}`, reason);
    } catch {
      this.#writable = false;
      this.#warn(
        `${this.#path} is damaged and cannot be set aside; bans, peaks and settings are kept in memory only`,
        reason,
      );
    }
  }
}

/** @throws for anything that this file's writer would not have made */
function parseDocuments(text: string): StoredDocument[] {
  const content: unknown = JSON.parse(text);
  const { version, documents } = content as { version?: unknown; documents?: unknown };
  if (version !== 1 || !Array.isArray(documents)) throw new Error('not a state file of version 1');
  return documents.map((document: Partial<StoredDocument> | null) => {
    const { kind, id, value, epoch, expiresAtMs } = document ?? {};
    if (typeof kind !== 'string' || typeof id !== 'string' || value === undefined)
      throw new Error('a document has no kind, id or value');
    if (!isTimeOrAbsent(epoch) || !isTimeOrAbsent(expiresAtMs))
      throw new Error('a number of a document is no number');
    return {
      kind,
      id,
      value,
      ...(epoch === undefined ? {} : { epoch }),
      ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    };
  });
}

function isTimeOrAbsent(value: unknown): boolean {
  return value === undefined || Number.isFinite(value);
}
