/** A file's code with its comments blanked, and once more with the content of its texts blanked, too. */
export interface SourceText {
  /** imports can be read here */
  withTexts: string;
  /** names can be looked for here: what is written in texts is no code */
  codeOnly: string;
}

/**
 * A scanner that knows comments, texts, templates (whose `${}` is code again) and regular expressions. Blanks keep the
 * length and the lines.
 */
export function readSource(source: string): SourceText {
  const withTexts = [...source];
  const codeOnly = [...source];
  /** for each `${` that is open: how many braces are open in it */
  const templates: number[] = [];
  const blank = (from: number, to: number, inside: boolean) => {
    for (let at = from; at < to; at++) {
      if (source[at] === '\n') continue;
      codeOnly[at] = ' ';
      if (!inside) withTexts[at] = ' ';
    }
  };
  /** Blanks a template's text from its backtick or closing brace on; answers where code goes on. */
  const template = (from: number): number => {
    let at = from;
    for (; at < source.length && source[at] !== '`' && !source.startsWith('${', at); at++)
      if (source[at] === '\\') at++;
    blank(from, at, true);
    if (source[at] === '`') return at + 1;
    templates.push(0);
    return at + 2;
  };
  for (let at = 0; at < source.length; ) {
    const rest = source.slice(at, at + 2);
    const letter = source[at]!;
    if (rest === '//' || (at === 0 && rest === '#!')) {
      const end = endOf(source, '\n', at);
      blank(at, end, false);
      at = end;
    } else if (rest === '/*') {
      const end = endOf(source, '*/', at + 2) + 2;
      blank(at, end, false);
      at = end;
    } else if (letter === "'" || letter === '"') {
      const end = endOfText(source, at, letter);
      blank(at + 1, end, true);
      at = end + 1;
    } else if (letter === '`') at = template(at + 1);
    else if (letter === '/' && beginsRegExp(source.slice(0, at))) {
      const end = endOfRegExp(source, at);
      blank(at + 1, end, true);
      at = end + 1;
    } else if (letter === '}' && templates.at(-1) === 0) {
      templates.pop();
      at = template(at + 1);
    } else {
      if (templates.length > 0 && (letter === '{' || letter === '}'))
        templates[templates.length - 1]! += letter === '{' ? 1 : -1;
      at++;
    }
  }
  return { withTexts: withTexts.join(''), codeOnly: codeOnly.join('') };
}

function endOf(source: string, mark: string, from: number): number {
  const end = source.indexOf(mark, from);
  return end < 0 ? source.length : end;
}

function endOfText(source: string, from: number, quote: string): number {
  let at = from + 1;
  for (; at < source.length && source[at] !== quote; at++) if (source[at] === '\\') at++;
  return at;
}

function endOfRegExp(source: string, from: number): number {
  let inClass = false;
  let at = from + 1;
  for (; at < source.length && (inClass || source[at] !== '/'); at++) {
    if (source[at] === '\\') at++;
    else if (source[at] === '[') inClass = true;
    else if (source[at] === ']') inClass = false;
  }
  return at;
}

/** A slash divides after a value, and begins a regular expression after anything else. */
function beginsRegExp(before: string): boolean {
  const code = before.trimEnd();
  return !/[\w$)\]}'"`]$/.test(code) || /(?:^|[^\w$.])(?:return|typeof|case|of|in|do|else|yield|await)$/.test(code);
}

export interface Import {
  /** as written: `#model/lsn`, `./run.ts`, `node:fs`; undefined where it is computed */
  specifier: string | undefined;
  line: number;
}

const importForms = [
  /\bfrom\s*(['"])([^'"\n]+)\1/g,
  /\bimport\s*(['"])([^'"\n]+)\1/g,
  /\b(?:import|require)\s*\(\s*(?:(['"])([^'"\n]+)\1\s*\)|(?=[^'"\s]))/g,
  /\bnew URL\(\s*(['"])([^'"\n]+\.[cm]?[jt]s)\1\s*,\s*import\.meta\.url/g,
];

/** Everything that a file brings in: types, too, and what it imports later or starts as a thread. */
export function importsOf({ withTexts, codeOnly }: SourceText): Import[] {
  return importForms.flatMap((form) =>
    [...withTexts.matchAll(form)]
      .filter((match) => /\w/.test(codeOnly[match.index]!))
      .map((match) => ({ specifier: match[2], line: lineAt(withTexts, match.index) })),
  );
}

export const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length;
