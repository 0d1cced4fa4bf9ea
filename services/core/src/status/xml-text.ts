/**
 * Text and attribute values for XML 1.0 (Fifth Edition, §2.2, §2.4, §3.3.3).
 *
 * Characters that no XML document may hold are left out, lone surrogates become
 * U+FFFD, and white space that a parser would change is written as a reference.
 * The result is as safe inside HTML text and double-quoted HTML attributes.
 */
const illegal = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

const textReferences: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\r': '&#13;',
};

const attributeReferences: Readonly<Record<string, string>> = {
  ...textReferences,
  '"': '&quot;',
  "'": '&#39;',
  '\t': '&#9;',
  '\n': '&#10;',
};

export function escapeXmlText(text: string): string {
  return clean(text).replace(/[&<>\r]/g, (char) => textReferences[char] ?? '');
}

export function escapeXmlAttribute(text: string): string {
  return clean(text).replace(/[&<>\r"'\t\n]/g, (char) => attributeReferences[char] ?? '');
}

function clean(text: string): string {
  return text.toWellFormed().replace(illegal, '');
}
