import { z } from 'zod';
import { changeProjection, type Projection, readProjection } from '#catalog/change-projection';
import { putRecord, readRecord } from '#catalog/put-record';
import { type Answer, answerSchema, type Question, questionSchema } from '#model/approval';
import type { ExecutionName } from '#model/arn';
import { StoreUnavailable } from '#model/failure';
import { answerKey, approvalsFolder, openQuestionsKey, questionKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/*
 * A question is asked once more when its machine's state is run again: with another token, maybe with another plan. Each
 * asking is a question of its own, numbered from 1, and the newest one counts. An answer belongs to the question that it
 * was given to; it also answers a later one that asks the same and was asked before the first one expired.
 */

/** What waits for an answer; without its token, which nobody needs to see. */
const openSchema = questionSchema.omit({ taskToken: true }).extend({ number: z.number().int().positive() });
export type OpenQuestion = z.infer<typeof openSchema>;

export interface AskedQuestion {
  question: Question;
  number: number;
  /** undefined: it waits for one */
  answer: Answer | undefined;
}

const projection: Projection<{ format: 'lifeboat-questions/1'; open: OpenQuestion[] }> = {
  key: openQuestionsKey,
  schema: z.strictObject({ format: z.literal('lifeboat-questions/1'), open: z.array(openSchema) }),
  empty: { format: 'lifeboat-questions/1', open: [] },
};

const maxAskings = 1000;

/** Ask it; the same one (by its token) again is the same question. Answers its number. */
export async function putQuestion(store: ObjectStore, name: ExecutionName, question: Question): Promise<number> {
  for (let number = 1; number <= maxAskings; number++) {
    const key = questionKey(name.machine, name.name, number);
    const asked = (await putRecord(store, key, question)) ? question : await readRecord(store, key, questionSchema);
    if (asked?.taskToken !== question.taskToken) continue;
    await noteOpen(store, name, number, asked);
    return number;
  }
  throw new StoreUnavailable(`${question.execution} has asked ${maxAskings} times already`, {
    operation: 'put question',
    subject: question.execution,
  });
}

/** The newest question of an execution, with the answer that it has; undefined when nothing was asked. */
export async function readQuestion(store: ObjectStore, name: ExecutionName): Promise<AskedQuestion | undefined> {
  const asked: Question[] = [];
  for (let number = 1; number <= maxAskings; number++) {
    const next = await readRecord(store, questionKey(name.machine, name.name, number), questionSchema);
    if (!next) break;
    asked.push(next);
  }
  const question = asked.at(-1);
  if (!question) return undefined;
  for (let number = asked.length; number >= 1; number--) {
    const to = asked[number - 1]!;
    if (to !== question && !(asksTheSame(to, question) && question.askedAt < to.expiresAt)) break;
    const answer = await readRecord(store, answerKey(name.machine, name.name, number), answerSchema);
    if (answer) return { question, number: asked.length, answer };
  }
  return { question, number: asked.length, answer: undefined };
}

/** The hash says what is restored; where to, in whose way and for whom is in the words. */
const asksTheSame = (a: Question, b: Question): boolean =>
  a.planHash === b.planHash && a.plan === b.plan && a.requestedBy === b.requestedBy;

/** Give the final answer; false when there is one already. */
export async function putAnswer(
  store: ObjectStore,
  name: ExecutionName,
  number: number,
  answer: Answer,
): Promise<boolean> {
  const stored = await putRecord(store, answerKey(name.machine, name.name, number), answer);
  await noteAnswered(store, answer.execution);
  return stored;
}

/** What waits for an answer now, oldest first; one read, however many were answered. */
export async function listOpenQuestions(store: ObjectStore, now: Date): Promise<OpenQuestion[]> {
  const { open } = await readProjection(store, projection);
  return open.filter(({ expiresAt }) => now < new Date(expiresAt));
}

/** An execution that ended otherwise waits for no answer. */
async function noteAnswered(store: ObjectStore, execution: string): Promise<void> {
  await changeProjection(store, projection, (content) => ({
    ...content,
    open: content.open.filter((question) => question.execution !== execution),
  }));
}

async function noteOpen(store: ObjectStore, name: ExecutionName, number: number, question: Question): Promise<void> {
  const { taskToken: _, ...shown } = question;
  await changeProjection(store, projection, (content) => ({
    ...content,
    open: [
      ...content.open.filter(
        (other) => other.execution !== question.execution && Date.parse(other.expiresAt) > Date.parse(question.askedAt),
      ),
      { ...shown, number },
    ].sort(byTime),
  }));
  // it may have been answered while its place in the list was being made
  if ((await readQuestion(store, name))?.answer) await noteAnswered(store, question.execution);
}

/** Make the list of what waits anew, from the questions themselves. */
export async function rebuildOpenQuestions(store: ObjectStore, now: Date): Promise<void> {
  await changeProjection(store, projection, async () => {
    const open: OpenQuestion[] = [];
    for await (const name of askingExecutions(store)) {
      const asked = await readQuestion(store, name);
      if (!asked || asked.answer || now >= new Date(asked.question.expiresAt)) continue;
      const { taskToken: _, ...shown } = asked.question;
      open.push({ ...shown, number: asked.number });
    }
    return { ...projection.empty, open: open.sort(byTime) };
  });
}

async function* askingExecutions(store: ObjectStore): AsyncGenerator<ExecutionName> {
  for await (const machine of store.folders(approvalsFolder)) {
    for await (const name of store.folders(`${approvalsFolder}${machine}`)) {
      yield { machine: machine.slice(0, -1), name: name.slice(0, -1) };
    }
  }
}

const byTime = (a: OpenQuestion, b: OpenQuestion): number => (a.askedAt < b.askedAt ? -1 : 1);
