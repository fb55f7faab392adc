import type { Item, PageCommand, Section } from '#runbook/page';
import { fillIn, meanings, nameStates, type Word, type Words, wordsIn } from '#runbook/words';

export interface Finishing {
  words: Words;
  /** where a program is, if not in PATH */
  programs: Readonly<Record<string, string>>;
  /** of each command of `lifeboat`: --stack and --region */
  behind: readonly string[];
}

/** All that is known is filled in; what is not is named. */
export function finishSections(
  sections: readonly Section[],
  finishing: Finishing,
): { sections: Section[]; missing: { word: Word; means: string }[] } {
  const { words } = finishing;
  const missing = new Set<Word>();
  const fill = (text: string): string => {
    for (const word of wordsIn(text)) if (words[word] === undefined) missing.add(word);
    return fillIn(text, words);
  };
  const prose = (text: string) => nameStates(fill(text));
  const finished = sections.map((section) => ({
    ...section,
    items: section.items.map((item): Item => {
      const { text, details, commands } = item;
      return {
        ...item,
        text: prose(text),
        ...(details ? { details: details.map(prose) } : {}),
        ...(commands ? { commands: commands.map((command) => finishCommand(command, finishing, fill)) } : {}),
      };
    }),
  }));
  return { sections: finished, missing: [...missing].map((word) => ({ word, means: meanings[word] })) };
}

function finishCommand(
  { argv }: PageCommand,
  { programs, behind }: Finishing,
  fill: (text: string) => string,
): PageCommand {
  const [program, ...rest] = argv;
  const filled = rest.map(fill);
  if (program !== 'lifeboat') return { argv: [programs[program!] ?? program!, ...filled] };
  // a step that names another region means that one
  const named = behind.indexOf('--region');
  const own = filled.includes('--region') && named >= 0 ? behind.toSpliced(named, 2) : behind;
  return { argv: ['lifeboat', ...filled, ...own] };
}
