import { createHash } from 'node:crypto';
import { z } from 'zod';
import { putRecord, readRecord } from '#catalog/put-record';
import { AnswerUndelivered, type Question } from '#model/approval';
import { approvalTokenKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/*
 * approval-tokens/<SHA-256 of the execution's ARN, a line feed and the token>.json: whoever has the token of a waiting state
 * can answer in an approver's place, so it lies apart from the question, where only the functions that ask and answer may read it.
 */
const tokenSchema = z.strictObject({
  format: z.literal('lifeboat-approval-token/1'),
  /** ARN */
  execution: z.string(),
  taskToken: z.string(),
});

const digestOf = (execution: string, taskToken: string): string =>
  createHash('sha256').update(`${execution}\n${taskToken}`).digest('hex');

/** Keep a token, once. Answers the digest by which its question knows it. */
export async function putTaskToken(store: ObjectStore, execution: string, taskToken: string): Promise<string> {
  const digest = digestOf(execution, taskToken);
  const record: z.infer<typeof tokenSchema> = { format: 'lifeboat-approval-token/1', execution, taskToken };
  await putRecord(store, approvalTokenKey(digest), record);
  return digest;
}

/** @throws AnswerUndelivered when it is not there, or is another one; ObjectDamaged */
export async function readTaskToken(store: ObjectStore, question: Question): Promise<string> {
  const { execution, tokenDigest, taskToken } = question;
  // earlier versions kept it in the question
  if (taskToken !== undefined) return taskToken;
  const key = approvalTokenKey(tokenDigest ?? '');
  const kept = tokenDigest === undefined ? undefined : await readRecord(store, key, tokenSchema);
  if (kept?.execution === execution && digestOf(execution, kept.taskToken) === tokenDigest) return kept.taskToken;
  throw new AnswerUndelivered(`${key} has no token of ${execution.split(':').at(-1)}`, {
    operation: 'read task token',
    subject: key,
    hint: 'the answer is kept, but nothing leads to the state that waits: stop the execution, and start it again to be asked again',
  });
}
