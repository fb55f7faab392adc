import { type Item, type Section, sectionOf } from '#runbook/page';
import { type Condition, holdsIn, type Line, type Situation, type Step } from '#runbook/situation';
import { statesIn } from '#runbook/words';

export interface SituationSections {
  /** read before anything is decided */
  first: Section[];
  steps: Section[];
  last: Section[];
}

/** What of a situation is true here. Nothing is filled in yet. */
export function situationSections(situation: Situation, conditions: ReadonlySet<Condition>): SituationSections {
  const { know, never, decide, check, back, over } = situation;
  const items = (lines: readonly Line[]): Item[] =>
    lines.flatMap((line) => {
      if (typeof line === 'string') return [{ text: line }];
      return holdsIn(line.when, conditions) ? [{ text: line.say }] : [];
    });
  const steps = situation.steps.filter(({ when }) => holdsIn(when, conditions)).map(stepItem);
  return {
    first: [
      ...sectionOf('know', 'How you know it', items(know)),
      ...sectionOf('never', 'What not to do', items(never)),
      ...sectionOf('decide', 'Decide', items(decide)),
    ],
    steps: sectionOf('steps', 'Steps', steps),
    last: [
      ...sectionOf('check', 'How to check', items(check)),
      ...sectionOf('back', 'To stop, or go back', items(back)),
      ...sectionOf('over', 'It is over when', items(over)),
    ],
  };
}

const stepItem = ({ do: text, run, waits, ends, only }: Step, index: number): Item => ({
  number: index + 1,
  text,
  ...(only === undefined ? {} : { only }),
  ...(run === undefined ? {} : { commands: run.map((argv) => ({ argv: [...argv] })) }),
  ...(waits ? { waits } : {}),
  ...(ends ? { ends } : {}),
});

/** Everything in it that is text, or a word of a command. */
export const textsOf = (situation: Situation): string[] => [
  ...[situation.know, situation.never, situation.decide, situation.check, situation.back, situation.over].flatMap(
    (lines) => lines.map((line) => (typeof line === 'string' ? line : line.say)),
  ),
  ...situation.steps.map((step) => step.do),
];

/** The machines whose questions somebody has to answer in it. */
export const asksIn = (sections: readonly Section[]): string[] => {
  const texts = sections.flatMap(({ items }) => items.map(({ text }) => text));
  const named = texts.flatMap(statesIn).filter(({ state }) => state === 'Ask for approval');
  return [...new Set(named.map(({ machine }) => machine))];
};
