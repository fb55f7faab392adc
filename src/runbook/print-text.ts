import type { Item, Page, PageCommand } from '#runbook/page';

const width = 92;

/** For a terminal, or paper. Commands are as a shell takes them. */
export function printText(page: Page, shellWord: (word: string) => string): string {
  const head = [
    `${page.name.toUpperCase()}: ${page.title}`,
    [
      `made ${page.madeAt}`,
      ...(page.plan ? [`plan ${page.plan}`] : []),
      ...(page.source ? [`source ${page.source}`] : []),
    ].join(', '),
  ];
  const exports = Object.entries(page.environment).map(([name, value]) => `    export ${name}=${shellWord(value)}`);
  const fill = page.fillIn.flatMap(({ word, means }) => wrapped(means, width, `  ${word.padEnd(12)} `, ' '.repeat(15)));
  return [
    ...head.flatMap((line) => wrapped(line, width, '', '  ')),
    ...(exports.length === 0 ? [] : ['', 'FIRST, IN EACH TERMINAL', ...exports]),
    ...(fill.length === 0 ? [] : ['', 'REPLACE', ...fill]),
    ...page.sections.flatMap(({ title, items }) => [
      '',
      title.toUpperCase(),
      ...items.flatMap((item) => printItem(item, shellWord)),
    ]),
  ].join('\n');
}

function printItem(item: Item, shellWord: (word: string) => string): string[] {
  const margin = '  '.repeat(item.depth ?? 0);
  const mark = item.number === undefined ? '- ' : `${String(item.number).padStart(2)} `;
  const inner = `${margin}${' '.repeat(mark.length + 2)}`;
  const text = item.only === undefined ? item.text : `${item.only.toUpperCase()}: ${item.text}`;
  const commands = item.commands ?? [];
  return [
    ...wrapped(text, width, `${margin}  ${mark}`, inner),
    ...(item.details ?? []).flatMap((detail) => wrapped(detail, width, inner, inner)),
    ...commands.flatMap((command) => shellLines(command, shellWord, `${inner}  `)),
    ...(item.waits ? wrapped('It waits: go on in another terminal.', width, inner, inner) : []),
    ...(item.ends ? wrapped('Go on when it has ended, and only if it ended well.', width, inner, inner) : []),
  ];
}

/** Broken between its words, as a shell goes on; an option stays with its value. */
export function shellLines({ argv }: PageCommand, shellWord: (word: string) => string, margin: string): string[] {
  const lines: string[] = [];
  let line = margin;
  for (const part of withValues(argv).map((words) => words.map(shellWord).join(' '))) {
    const isFirst = line === margin;
    if (!isFirst && line.length + 1 + part.length + 2 > width) {
      lines.push(`${line} \\`);
      line = `${margin}    ${part}`;
    } else line += isFirst ? part : ` ${part}`;
  }
  return [...lines, line];
}

function withValues(argv: readonly string[]): string[][] {
  const parts: string[][] = [];
  for (const word of argv) {
    const last = parts.at(-1);
    if (last?.length === 1 && last[0]!.startsWith('-') && !word.startsWith('-')) last.push(word);
    else parts.push([word]);
  }
  return parts;
}

function wrapped(text: string, columns: number, first: string, rest: string): string[] {
  const lines: string[] = [];
  let line = first;
  for (const word of text.split(/\s+/)) {
    const isEmpty = line === first || line === rest;
    if (!isEmpty && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = `${rest}${word}`;
    } else line += isEmpty ? word : ` ${word}`;
  }
  return [...lines, line];
}
