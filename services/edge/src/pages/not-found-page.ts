/**
 * The one answer for a mount that is missing, hidden or denied, so that nobody can
 * tell by asking which of them it is. Byte for byte Icecast's.
 */
import { adminHtmlContentType, renderErrorHtml } from '@legacystream/core/status/admin-html.ts';

export const notFoundStatus = 404;
export const notFoundContentType: string = adminHtmlContentType;

const body = Buffer.from(renderErrorHtml(notFoundStatus, 'The file you requested could not be found'));

export function notFoundBody(): Buffer {
  return body;
}
