import type { OpenQuestion } from '#catalog/open-questions';
import { executionCommand, type SamePlace } from '#cli/same-place';
import { answerCommand } from '#model/approval';
import { plainText } from '#model/plain-text';
import { shellWord } from '#notify/shell-word';

type Answered = Pick<OpenQuestion, 'execution' | 'planHash'>;

/** The two lines that answer it, yes first; whoever starts an execution chooses its name, and others copy them. */
export function answerLines({ execution, planHash }: Answered, { before, behind }: SamePlace): [string, string] {
  const name = shellWord(nameOf(execution));
  return [
    `${before}${answerCommand('approve', name, planHash, behind)}`,
    `${before}${answerCommand('reject', name, planHash, behind)}`,
  ];
}

/** What tells one question from another one: what its plan begins with, and by which command all of it is read. */
export function questionHead({ execution, plan }: Pick<OpenQuestion, 'execution' | 'plan'>, place: SamePlace) {
  const [first = '', ...rest] = planLines(plan);
  const told = rest
    .filter((line) => distinctive.test(line))
    .slice(0, mostTold)
    .map((line) => line.trim().replace(/^(\S+(?: for)?) +/, '$1  '));
  return { head: [first, ...told], whole: executionCommand(nameOf(execution), place) };
}

/** All of a plan that waits for an answer, and how to give one. */
export function describeWhole(
  question: Answered & Pick<OpenQuestion, 'plan' | 'expiresAt'>,
  place: SamePlace,
): string[] {
  const [yes, no] = answerLines(question, place);
  return [
    `waits until ${question.expiresAt} for an answer to this plan:`,
    ...planLines(question.plan).map((line) => `  ${line}`),
    `yes  ${yes}`,
    `no   ${no}`,
  ];
}

/** The plan as it was asked about, line by line: all of it, fit for a terminal. */
export const planLines = (plan: string): string[] => plainText(plan, mostChars).split('\n');

const mostChars = 64_000;
/** A list stays a list; all of it is one command away. */
const mostTold = 8;

/** What it is about, in spite of what, and why, in the words of each machine's plan. */
const distinctive = /^ {2}(?:REMARK|DANGER|FORCED|WARNING|target|to|as|asked for|because|reason) /;

const nameOf = (execution: string): string => execution.split(':').at(-1)!;
