import { readRecord } from '#catalog/put-record';
import {
  type Answer,
  type AnswerStanding,
  answerSchema,
  type Question,
  questionSchema,
  type SupersededPlan,
  standingOf,
} from '#model/approval';
import type { ExecutionName } from '#model/arn';
import { answerKey, questionKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/*
 * A question is asked once more when its machine's state is run again: with another token, maybe with another plan. Each
 * asking is a question of its own, numbered from 1. Askings of the same, each before the one ahead of it expired, are one
 * matter, and the newest matter counts: the earlier ones are superseded.
 *
 * People answer a matter under its first question's number. Each answer has the next place there, put on condition that there is
 * none: of two at a time one comes second, and is judged again by what the first one said. So there is one order of all answers, and
 * it tells which one decided.
 */

/** All that was asked with one plan. */
export interface Matter {
  /** the newest asking */
  question: Question;
  number: number;
  /** under which number it is answered: of its first asking */
  root: number;
  /** in the order in which they were kept */
  answers: Answer[];
  /** where the next answer goes */
  place: number;
}

export interface AskedQuestion extends Matter {
  standing: AnswerStanding;
  /** the answer that decided; undefined: it waits for one */
  answer: Answer | undefined;
  superseded: SupersededPlan[];
}

export const maxAskings = 1000;

/** The newest question of an execution, with the answers that it has; undefined when nothing was asked. */
export async function readQuestion(store: ObjectStore, name: ExecutionName): Promise<AskedQuestion | undefined> {
  const matters = group(await readAskings(store, name));
  const newest = matters.at(-1);
  if (!newest) return undefined;
  const matter = await withAnswers(store, name, newest);
  const standing = standingOf(matter.question, matter.answers);
  return { ...matter, standing, answer: standing.final, superseded: supersededIn(matters) };
}

/** Everything that an execution asked, oldest first, with all answers. */
export async function readMatters(store: ObjectStore, name: ExecutionName): Promise<Matter[]> {
  const matters = group(await readAskings(store, name));
  return Promise.all(matters.map((matter) => withAnswers(store, name, matter)));
}

async function readAskings(store: ObjectStore, name: ExecutionName): Promise<Question[]> {
  const asked: Question[] = [];
  for (let number = 1; number <= maxAskings; number++) {
    const next = await readRecord(store, questionKey(name.machine, name.name, number), questionSchema);
    if (!next) break;
    asked.push(next);
  }
  return asked;
}

type UnansweredMatter = Pick<Matter, 'question' | 'number' | 'root'>;

function group(asked: readonly Question[]): UnansweredMatter[] {
  const matters: UnansweredMatter[] = [];
  for (const [index, question] of asked.entries()) {
    const number = index + 1;
    const last = matters.at(-1);
    const goesOn =
      last !== undefined && asksTheSame(last.question, question) && question.askedAt < last.question.expiresAt;
    if (goesOn) matters.splice(-1, 1, { question, number, root: last.root });
    else matters.push({ question, number, root: number });
  }
  return matters;
}

/** The hash says what is restored; where to, in whose way and for whom is in the words. */
const asksTheSame = (a: Question, b: Question): boolean =>
  a.planHash === b.planHash &&
  a.plan === b.plan &&
  a.requestedBy === b.requestedBy &&
  (a.required ?? 1) === (b.required ?? 1);

const supersededIn = (matters: readonly UnansweredMatter[]): SupersededPlan[] =>
  matters.slice(0, -1).map(({ question }, index) => {
    const next = matters[index + 1]!.question;
    return { planHash: question.planHash, by: next.planHash, at: next.askedAt };
  });

/** Earlier versions put the answer under the number of the asking that was the newest then. */
async function withAnswers(store: ObjectStore, name: ExecutionName, matter: UnansweredMatter): Promise<Matter> {
  const read = (number: number, place: number) =>
    readRecord(store, answerKey(name.machine, name.name, number, place), answerSchema);
  const answers: Answer[] = [];
  for (let next = await read(matter.root, 1); next; next = await read(matter.root, answers.length + 1))
    answers.push(next);
  const place = answers.length + 1;
  for (let number = matter.root + 1; number <= matter.number; number++) {
    const later = await read(number, 1);
    if (later) answers.push(later);
  }
  return { ...matter, answers, place };
}
