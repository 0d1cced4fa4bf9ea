/**
 * Who wants which subject: exact subjects by one look-up, patterns with wildcards
 * by a walk over those alone. Entries may come and go while a visit is under way: a
 * removed one is not visited any more.
 */
import { isSubjectPattern, subjectMatches } from '@legacystream/core/bus/subject-pattern.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';

type WildcardEntry<T> = { readonly pattern: string; readonly value: T };

export class SubjectTable<T> {
  readonly #exact = new Map<string, Set<T>>();
  readonly #wildcards = new Set<WildcardEntry<T>>();

  /**
   * Adds an entry and gives what removes it.
   * @throws LegacyStreamError LS_PARAMETER_INVALID for a pattern that can match nothing
   */
  add(pattern: string, value: T): () => void {
    if (!isSubjectPattern(pattern)) {
      throw new LegacyStreamError(
        'LS_PARAMETER_INVALID',
        `"${pattern.slice(0, 100)}" is not a subject of the bus`,
      );
    }
    if (pattern.includes('*') || pattern.endsWith('>')) {
      const entry = { pattern, value };
      this.#wildcards.add(entry);
      return () => void this.#wildcards.delete(entry);
    }
    const entries = this.#exact.get(pattern) ?? new Set<T>();
    this.#exact.set(pattern, entries.add(value));
    return () => {
      entries.delete(value);
      if (entries.size === 0 && this.#exact.get(pattern) === entries) this.#exact.delete(pattern);
    };
  }

  /** Calls `visit` with every entry that wants `subject`; `context` saves the caller a closure. */
  visit<C>(subject: string, context: C, visit: (value: T, context: C) => void): void {
    const exact = this.#exact.get(subject);
    if (exact) for (const value of exact) visit(value, context);
    for (const entry of this.#wildcards) {
      if (subjectMatches(entry.pattern, subject)) visit(entry.value, context);
    }
  }

  /** One entry that wants `subject`: the longest-standing exact one before any wildcard. */
  first(subject: string): T | undefined {
    const exact = this.#exact.get(subject);
    if (exact) for (const value of exact) return value;
    for (const entry of this.#wildcards) if (subjectMatches(entry.pattern, subject)) return entry.value;
    return undefined;
  }

  clear(): void {
    for (const entries of this.#exact.values()) entries.clear();
    this.#exact.clear();
    this.#wildcards.clear();
  }
}
