/**
 * TypeScript source with everything blanked that is not code: comments, template text and
 * (on request) quoted strings. Offsets and line breaks stay, so that positions still fit.
 */
const regexMayFollow =
  /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|void|await|yield|else|do))$/;

const blank = (text: string) => text.replaceAll(/[^\n]/g, ' ');

export function maskSource(source: string, options: { readonly strings: boolean }): string {
  let masked = '';
  let at = 0;
  /** For each template literal that is open: how many braces its current `${…}` has open. */
  const templates: number[] = [];

  const take = (length: number, keep: boolean) => {
    const text = source.slice(at, at + length);
    masked += keep ? text : blank(text);
    at += length;
  };
  const lengthOf = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0].length ?? 1;
  };
  const takeTemplateText = () => {
    take(lengthOf(/(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y), false);
    if (source.startsWith('${', at)) {
      take(2, true);
      templates.push(0);
    } else {
      take(1, true);
    }
  };

  while (at < source.length) {
    const char = source[at]!;
    const depth = templates.at(-1);
    if (source.startsWith('//', at)) take(lengthOf(/\/\/[^\n]*/y), false);
    else if (source.startsWith('/*', at)) take(lengthOf(/\/\*[\s\S]*?\*\//y), false);
    else if (char === "'") take(lengthOf(/'(?:[^'\\\n]|\\[\s\S])*'/y), !options.strings);
    else if (char === '"') take(lengthOf(/"(?:[^"\\\n]|\\[\s\S])*"/y), !options.strings);
    else if (char === '/' && regexMayFollow.test(masked.slice(-200).trimEnd())) {
      take(lengthOf(/\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y), false);
    } else if (char === '`') {
      take(1, true);
      takeTemplateText();
    } else if (char === '}' && depth === 0) {
      templates.pop();
      take(1, true);
      takeTemplateText();
    } else {
      if (depth !== undefined && char === '{') templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && char === '}') templates[templates.length - 1] = depth - 1;
      take(1, true);
    }
  }
  return masked;
}

export function lineAt(source: string, offset: number): number {
  return source.slice(0, offset).split('\n').length;
}
