import { readTaskToken } from '#catalog/approval-tokens';
import { putAnswer } from '#catalog/approvals';
import { type AskedQuestion, readQuestion } from '#catalog/matters';
import {
  type Answer,
  type AnswerStanding,
  ApprovalRefused,
  decideApproval,
  type GivenAnswer,
  provesIdentity,
  type Question,
  standingOf,
} from '#model/approval';
import { type ExecutionName, parseExecutionArn } from '#model/arn';
import { InputInvalid } from '#model/failure';
import type { Plan } from '#model/plan';
import type { ObjectStore } from '#store/object-store';

export interface AnswerWork {
  store: ObjectStore;
  plan: Pick<Plan, 'approvers' | 'fourEyes' | 'approvals' | 'aws'>;
  now: Date;
}

export interface AcceptedAnswer {
  /** this person's, as it is kept */
  answer: Answer;
  /** the same person gave the same answer before */
  again: boolean;
  /** with this answer */
  standing: AnswerStanding;
  /** the newest that it answers */
  question: Question;
  /** of that one; undefined: it waits for more people */
  taskToken: string | undefined;
}

/**
 * Take a person's answer, for good. Two at the same time: one is taken, the other is judged again with it in mind.
 * @throws ApprovalRefused; InputInvalid when that execution asks nothing
 */
export async function answerQuestion(work: AnswerWork, execution: string, given: GivenAnswer): Promise<AcceptedAnswer> {
  const { store, plan, now } = work;
  const name = nameOf(execution);
  for (;;) {
    const asked = await readQuestion(store, name);
    // a proof of who answers is given for an ARN: one of another account's execution of the same name is for that one
    if (asked?.question.execution !== execution) {
      throw new InputInvalid('execution', execution, 'one that asks something', 'see what is asked: `lifeboat status`');
    }
    const outcome = decideApproval({ ...asked, answer: given, ...rulesOf(plan), now });
    if (!outcome.accepted) throw refused(execution, outcome);
    const answer = answerOf(asked, { ...given, by: outcome.by }, now);
    if (!outcome.again && !(await putAnswer(store, name, asked, answer))) continue;
    const newest = (await readQuestion(store, name))!;
    // an answer to what was asked before decides nothing, and must not be brought to a state that asks something else
    if (newest.root !== asked.root) throw refused(execution, superseded(newest));
    const answers = outcome.again ? asked.answers : [...asked.answers, answer];
    const standing = standingOf(asked.question, answers);
    const kept = outcome.again ? keptOf(answers, given, outcome.by) : answer;
    const { question } = newest;
    const taskToken = standing.final ? await readTaskToken(store, question) : undefined;
    return { answer: kept, again: outcome.again, standing, question, taskToken };
  }
}

const rulesOf = ({ approvers, fourEyes, approvals, aws }: AnswerWork['plan']) => ({
  ...{ approvers, fourEyes, reasonRequired: approvals.reason === 'required' },
  proof: provesIdentity({ aws, approvers }),
});

const keptOf = (answers: readonly Answer[], { decision }: GivenAnswer, by: string): Answer =>
  answers.find((answer) => answer.decision === decision && answer.by === by)!;

/** @throws InputInvalid */
export function nameOf(execution: string): ExecutionName {
  const name = parseExecutionArn(execution);
  if (name) return name;
  throw new InputInvalid('execution', execution, "an execution's ARN");
}

/** What the machine gets that waits for it: the answer that decided, and with others' everybody's, oldest first. */
export function outputOf({ yes, final }: AnswerStanding & { final: Answer }) {
  const all = final.decision === 'approve' ? yes : [...yes, final];
  return { ...saidBy(final), planHash: final.planHash, ...(all.length > 1 ? { approvals: all.map(saidBy) } : {}) };
}

const saidBy = ({ decision, by, iam, slack, reason, at }: Answer) => ({
  ...{ decision, by, reason, at },
  ...(iam === undefined ? {} : { iam }),
  ...(slack === undefined ? {} : { slack }),
});

/** Whether a question is decided, and with what. */
export const isDecided = (standing: AnswerStanding): standing is AnswerStanding & { final: Answer } =>
  standing.final !== undefined;

const answerOf = ({ question }: AskedQuestion, given: GivenAnswer, now: Date): Answer => ({
  format: 'lifeboat-answer/1',
  execution: question.execution,
  machine: question.machine,
  source: question.source,
  planHash: question.planHash,
  decision: given.decision,
  by: given.by,
  ...(given.iam === undefined ? {} : { iam: given.iam }),
  ...(given.slack === undefined ? {} : { slack: given.slack }),
  reason: given.reason,
  at: now.toISOString(),
});

const superseded = ({ question }: AskedQuestion) => ({
  reason: `its plan was superseded by plan ${question.planHash.slice(0, 12)} at ${question.askedAt}, and that is final`,
  hint: 'read what is asked now: `lifeboat status`',
});

const refused = (execution: string, { reason, hint }: { reason: string; hint: string }): ApprovalRefused =>
  new ApprovalRefused(`the answer to ${execution.split(':').at(-1)} does not count: ${reason}`, {
    operation: 'answer question',
    subject: execution,
    hint,
  });
