import type { Item, Page } from '#runbook/page';

/** For a wiki: commands stand in blocks that can be copied. */
export function printMarkdown(page: Page, shellWord: (word: string) => string): string {
  const about = [
    `Made ${page.madeAt}`,
    ...(page.plan ? [`plan \`${page.plan}\``] : []),
    ...(page.source ? [`source \`${page.source}\``] : []),
  ];
  const exports = Object.entries(page.environment).map(([name, value]) => `    export ${name}=${shellWord(value)}`);
  return [
    `# ${page.name}: ${page.title}`,
    '',
    about.join(', '),
    ...(exports.length === 0 ? [] : ['', '## First, in each terminal', '', ...exports]),
    ...(page.fillIn.length === 0 ? [] : ['', '## Replace', '']),
    ...page.fillIn.map(({ word, means }) => `- \`${word}\`: ${means}`),
    ...page.sections.flatMap(({ title, items }) => [
      '',
      `## ${title}`,
      '',
      ...items.flatMap((item) => printItem(item, shellWord)),
    ]),
  ].join('\n');
}

function printItem(item: Item, shellWord: (word: string) => string): string[] {
  const margin = '    '.repeat(item.depth ?? 0);
  const mark = item.number === undefined ? '-' : `${item.number}.`;
  const only = item.only === undefined ? '' : `**${item.only}:** `;
  const inner = `${margin}${' '.repeat(mark.length + 1)}`;
  const commands = (item.commands ?? []).map(({ argv }) => `${inner}    ${argv.map(shellWord).join(' ')}`);
  return [
    `${margin}${mark} ${only}${item.text}`,
    ...(item.details ?? []).map((detail) => `${inner}<br>${detail}`),
    ...(commands.length === 0 ? [] : ['', ...commands, '']),
    ...(item.waits ? [`${inner}It waits: go on in another terminal.`] : []),
    ...(item.ends ? [`${inner}Go on when it has ended, and only if it ended well.`] : []),
  ];
}
