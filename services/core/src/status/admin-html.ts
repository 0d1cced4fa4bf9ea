/**
 * The small HTML bodies of Icecast 2.4.4: errors of every kind of request, and the
 * success page that some admin commands answer with even where XML was asked for.
 */
import { escapeXmlText } from './xml-text.ts';

export const adminHtmlContentType = 'text/html; charset=utf-8';

export function renderErrorHtml(code: number, text: string): string {
  return `<html><head><title>Error ${code}</title></head><body><b>${code} - ${escapeXmlText(text)}</b></body></html>\r\n`;
}

/** As `/admin/fallbacks` answers; without a line end, unlike the errors. */
export function renderSuccessHtml(text: string): string {
  return `<html><head><title>Admin request successful</title></head><body><p>${escapeXmlText(text)}</p></body></html>`;
}
