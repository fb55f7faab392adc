import { type AskedQuestion, putAnswer, readQuestion } from '#catalog/approvals';
import { type Answer, ApprovalRefused, decideApproval, type GivenAnswer, provesIdentity } from '#model/approval';
import { type ExecutionName, parseExecutionArn } from '#model/arn';
import { InputInvalid } from '#model/failure';
import type { Plan } from '#model/plan';
import type { ObjectStore } from '#store/object-store';

export interface AnswerWork {
  store: ObjectStore;
  plan: Pick<Plan, 'approvers' | 'fourEyes' | 'aws'>;
  now: Date;
}

export interface AcceptedAnswer {
  answer: Answer;
  /** the same person gave the same answer before */
  again: boolean;
  /** of the newest question that it answers */
  taskToken: string;
}

/**
 * Take a person's answer, once and for all. Two at the same time: one is taken, the other is judged against it.
 * @throws ApprovalRefused; InputInvalid when that execution asks nothing
 */
export async function answerQuestion(
  work: AnswerWork,
  execution: string,
  given: GivenAnswer & { reason: string | null },
): Promise<AcceptedAnswer> {
  const name = nameOf(execution);
  for (;;) {
    const asked = await readQuestion(work.store, name);
    // a proof of who answers is given for an ARN: one of another account's execution of the same name is for that one
    if (asked?.question.execution !== execution) {
      throw new InputInvalid('execution', execution, 'one that asks something', 'see what is asked: `lifeboat status`');
    }
    const { question, number, answer: final } = asked;
    const { approvers, fourEyes } = work.plan;
    const proof = provesIdentity(work.plan);
    const outcome = decideApproval({ question, answer: given, final, approvers, fourEyes, proof, now: work.now });
    if (!outcome.accepted) throw refused(execution, outcome);
    if (final) return { answer: final, again: true, taskToken: question.taskToken };
    const answer = answerOf(asked, { ...given, by: outcome.by }, work.now);
    if (!(await putAnswer(work.store, name, number, answer))) continue;
    // it may have been asked once more meanwhile: who is asked last waits
    const newest = await readQuestion(work.store, name);
    return { answer, again: false, taskToken: (newest?.answer ? newest : asked).question.taskToken };
  }
}

/** @throws InputInvalid */
export function nameOf(execution: string): ExecutionName {
  const name = parseExecutionArn(execution);
  if (name) return name;
  throw new InputInvalid('execution', execution, "an execution's ARN");
}

/** What the machine gets that waits for it. */
export const outputOf = ({ decision, by, iam, reason, at, planHash }: Answer) => ({
  ...{ decision, by, reason, at, planHash },
  ...(iam === undefined ? {} : { iam }),
});

const answerOf = ({ question }: AskedQuestion, given: GivenAnswer & { reason: string | null }, now: Date): Answer => ({
  format: 'lifeboat-answer/1',
  execution: question.execution,
  machine: question.machine,
  source: question.source,
  planHash: question.planHash,
  decision: given.decision,
  by: given.by,
  ...(given.iam === undefined ? {} : { iam: given.iam }),
  reason: given.reason,
  at: now.toISOString(),
});

const refused = (execution: string, { reason, hint }: { reason: string; hint: string }): ApprovalRefused =>
  new ApprovalRefused(`the answer to ${execution.split(':').at(-1)} does not count: ${reason}`, {
    operation: 'answer question',
    subject: execution,
    hint,
  });
