/** What every store refuses to take as a blob (port `StateStore`). */
import { LegacyStreamError } from '@legacystream/core/errors.ts';

/** Larger ones would hold up everybody else on the way to a shared store. */
export const blobLimitBytes = 4 * 1024 * 1024;

/** @throws LegacyStreamError LS_PARAMETER_INVALID */
export function assertBlob(data: Uint8Array): void {
  if (!(data instanceof Uint8Array)) {
    throw new LegacyStreamError('LS_PARAMETER_INVALID', 'a blob must be bytes');
  }
  if (data.byteLength <= blobLimitBytes) return;
  throw new LegacyStreamError('LS_PARAMETER_INVALID', `a blob may have ${blobLimitBytes} bytes`);
}
