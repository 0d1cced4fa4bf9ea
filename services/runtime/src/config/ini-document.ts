/**
 * Reads an INI file into sections and entries with their line numbers.
 *
 * `[Section]` opens a section, `Key=value` belongs to the one that is open. `;` and `#`
 * make a comment only as the first character of a line, so that a password may
 * contain them. A value is taken as it stands, less the white space around it and one
 * pair of double quotes. A byte order mark and CR LF are tolerated. What cannot be
 * read is reported with its line and passed over; nothing is ever thrown. The size
 * is bounded to 1 MiB and 20,000 lines.
 */
const maxBytes = 1024 * 1024;
const maxLines = 20_000;

export type IniEntry = { readonly key: string; readonly value: string; readonly line: number };
export type IniSection = {
  readonly name: string;
  readonly line: number;
  readonly entries: readonly IniEntry[];
};
export type IniProblem = { readonly line: number; readonly message: string };
export type IniDocument = {
  readonly sections: readonly IniSection[];
  readonly problems: readonly IniProblem[];
};

export function parseIni(text: string): IniDocument {
  if (Buffer.byteLength(text) > maxBytes) return refused('the file is larger than 1 MiB');
  if (text.includes('\u0000')) return refused('the file is not UTF-8 text');
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  if (lines.length > maxLines + 1) return refused('the file has more than 20,000 lines');

  const sections: { name: string; line: number; entries: IniEntry[] }[] = [];
  const problems: IniProblem[] = [];
  let open: IniEntry[] | undefined;
  for (const [index, raw] of lines.entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === '' || content.startsWith(';') || content.startsWith('#')) continue;
    if (content.startsWith('[')) {
      const name = content.endsWith(']') ? content.slice(1, -1).trim() : '';
      open = [];
      if (name === '') problems.push({ line, message: `expected [Section], got ${quote(content)}` });
      else sections.push({ name, line, entries: open });
      continue;
    }
    const equals = content.indexOf('=');
    const key = content.slice(0, Math.max(equals, 0)).trim();
    if (equals < 0) {
      // The text is not repeated: it may be a password that lost its key.
      problems.push({ line, message: 'expected Key=value, a [Section] or a comment' });
    } else if (key === '') {
      problems.push({ line, message: 'there is no key before =' });
    } else if (open === undefined) {
      problems.push({ line, message: `${quote(key)} stands before the first [Section]` });
    } else {
      open.push({ key, value: unquote(content.slice(equals + 1).trim()), line });
    }
  }
  return { sections, problems };
}

function refused(message: string): IniDocument {
  return { sections: [], problems: [{ line: 1, message }] };
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
