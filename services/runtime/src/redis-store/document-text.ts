/**
 * A document as it stands in Redis: `<epoch or nothing> LF <id as JSON> LF <value as JSON>`.
 * The scripts read the epoch at its beginning; the id is in it because a key may hold only
 * a digest of a long one.
 */
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Json } from '@legacystream/core/ports/state-store.ts';

export type StoredDocument = { readonly id: string; readonly value: Json };

/** Larger ones would hold up everybody else in a server that does one thing at a time. */
const maxDocumentChars = 1024 * 1024;

/** @throws LegacyStreamError LS_PARAMETER_INVALID */
export function encodeDocument(id: string, value: Json, epoch: number | undefined): string {
  const json = encodeJson(value);
  if (json.length > maxDocumentChars) throw invalid(`a document may have ${maxDocumentChars} characters`);
  return `${encodeEpoch(epoch)}\n${JSON.stringify(id)}\n${json}`;
}

/** Undefined for what is no document. */
export function parseDocument(text: string): StoredDocument | undefined {
  const afterEpoch = text.indexOf('\n') + 1;
  const afterId = text.indexOf('\n', afterEpoch) + 1;
  if (afterEpoch === 0 || afterId === 0) return undefined;
  try {
    const id: unknown = JSON.parse(text.slice(afterEpoch, afterId));
    return typeof id === 'string' ? { id, value: JSON.parse(text.slice(afterId)) as Json } : undefined;
  } catch {
    return undefined;
  }
}

/** @throws LegacyStreamError LS_PARAMETER_INVALID */
export function encodeEpoch(epoch: number | undefined): string {
  if (epoch === undefined) return '';
  if (!Number.isFinite(epoch)) throw invalid('an epoch must be a finite number');
  return String(epoch);
}

function encodeJson(value: Json): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    throw invalid('a document must be JSON', { cause });
  }
  if (json === undefined) throw invalid('a document must be JSON');
  return json;
}

function invalid(message: string, options?: ErrorOptions): LegacyStreamError {
  return new LegacyStreamError('LS_PARAMETER_INVALID', message, options);
}
