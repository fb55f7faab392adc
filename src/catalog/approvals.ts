import { putTaskToken } from '#catalog/approval-tokens';
import { type Matter, maxAskings } from '#catalog/matters';
import { noteStanding } from '#catalog/open-questions';
import { putRecord, readRecord } from '#catalog/put-record';
import { type Answer, type Question, questionSchema } from '#model/approval';
import type { ExecutionName } from '#model/arn';
import { StoreUnavailable } from '#model/failure';
import { answerKey, questionKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** A question that is to be asked: its token is kept apart from it. */
export type NewQuestion = Omit<Question, 'taskToken' | 'tokenDigest'> & { taskToken: string };

/** Ask it; the same one (by its token) again is the same question. Answers its number. */
export async function putQuestion(
  store: ObjectStore,
  name: ExecutionName,
  { taskToken, ...asked }: NewQuestion,
): Promise<number> {
  const question: Question = { ...asked, tokenDigest: await putTaskToken(store, asked.execution, taskToken) };
  for (let number = 1; number <= maxAskings; number++) {
    const key = questionKey(name.machine, name.name, number);
    const found = (await putRecord(store, key, question)) ? question : await readRecord(store, key, questionSchema);
    if (!found || !hasToken(found, { taskToken, tokenDigest: question.tokenDigest! })) continue;
    await noteStanding(store, name, new Date(question.askedAt));
    return number;
  }
  throw new StoreUnavailable(`${question.execution} has asked ${maxAskings} times already`, {
    operation: 'put question',
    subject: question.execution,
  });
}

const hasToken = (question: Question, token: { taskToken: string; tokenDigest: string }): boolean =>
  question.tokenDigest === token.tokenDigest || question.taskToken === token.taskToken;

/** Give the next answer to a question; false when somebody else was faster. */
export async function putAnswer(
  store: ObjectStore,
  name: ExecutionName,
  { root, place }: Pick<Matter, 'root' | 'place'>,
  answer: Answer,
): Promise<boolean> {
  const stored = await putRecord(store, answerKey(name.machine, name.name, root, place), answer);
  // whoever was faster may not have come to note it
  await noteStanding(store, name, new Date(answer.at));
  return stored;
}
