import { z } from 'zod';
import { type Approver, approversCalled, approversWith, identity, isSamePerson, type Person } from '#model/approver';
import { Failure } from '#model/failure';

const instant = z.iso.datetime();
const planHash = z.string().regex(/^[0-9a-f]{64}$/);

/** What a machine waits for: a person's yes or no to one plan. */
export const questionSchema = z.strictObject({
  format: z.literal('lifeboat-question/1'),
  /** ARN */
  execution: z.string(),
  machine: z.string(),
  source: z.string(),
  planHash,
  /** as it is shown to people */
  plan: z.string(),
  requestedBy: z.string(),
  askedAt: instant,
  expiresAt: instant,
  /** ends the waiting state; whoever has it can answer, so it is in no notice, log or listing */
  taskToken: z.string(),
});
export type Question = z.infer<typeof questionSchema>;

export const decisions = ['approve', 'reject'] as const;
export type Decision = (typeof decisions)[number];

/** The one answer that a question got; final. */
export const answerSchema = z.strictObject({
  format: z.literal('lifeboat-answer/1'),
  execution: z.string(),
  machine: z.string(),
  source: z.string(),
  planHash,
  decision: z.enum(decisions),
  by: z.string(),
  /** the ARN that AWS has confirmed; absent: `by` is what somebody said */
  iam: z.string().exactOptional(),
  reason: z.string().nullable(),
  at: instant,
});
export type Answer = z.infer<typeof answerSchema>;

export interface GivenAnswer extends Person {
  decision: Decision;
  /** the plan's hash, or at least 12 digits of its beginning */
  plan: string;
}

export interface ApprovalFacts {
  question: Question;
  answer: GivenAnswer;
  /** the answer that the question has already */
  final?: Answer | undefined;
  approvers: readonly Approver[];
  fourEyes: boolean;
  /** what somebody says of himself is not enough: see provesIdentity */
  proof: boolean;
  now: Date;
}

export type ApprovalOutcome =
  /** `again`: the same person gave the same answer before. `by`: what the plan calls who answers, where it does */
  { accepted: true; again: boolean; by: string } | Refused;

interface Refused {
  accepted: false;
  reason: string;
  hint: string;
}

/** Whether answers have to prove who gives them: where the plan is deployed, and says who its approvers are to IAM. */
export const provesIdentity = ({ aws, approvers }: { aws?: unknown; approvers: readonly Approver[] }): boolean =>
  aws !== undefined && approvers.some(({ iam }) => iam !== undefined);

/** Why somebody's answer does not count. */
export class ApprovalRefused extends Failure {
  readonly verdict = 'operator';
}

/** An answer was taken and kept, and could not be brought to the execution that waits for it. */
export class AnswerUndelivered extends Failure {
  readonly verdict = 'retry';
}

/**
 * May this answer decide? The first that may is final. Names, e-mail addresses and IAM identities are one person's where
 * the plan's list of approvers says so. Without a list everybody who can reach the machine may answer; with `fourEyes`
 * never the one who asked, nor anybody when nobody knows who asked.
 */
export function decideApproval(facts: ApprovalFacts): ApprovalOutcome {
  const { question, answer, final, approvers, fourEyes, now } = facts;
  const expected = question.planHash.slice(0, 12);
  if (!isHashOf(answer.plan, question.planHash)) {
    return refuse(
      `the plan to answer is ${expected}…, not ${answer.plan || 'nothing'}`,
      `read the plan, then: lifeboat ${answer.decision} ${nameOf(question)} --plan ${expected}`,
    );
  }
  if (identity(answer.by) === '') return refuse('nobody answers', 'say who you are: --as NAME');
  const unproven = refuseUnproven(facts);
  if (unproven) return unproven;
  const by = calledByPlan(answer, approvers);
  if (final) {
    const same = final.decision === answer.decision && isSamePerson(final, answer, approvers);
    if (same) return { accepted: true, again: true, by: final.by };
    const what = final.decision === 'approve' ? 'approved' : 'rejected';
    return refuse(
      `it was ${what} by ${final.by} at ${final.at}, and that is final`,
      'start it again to be asked again',
    );
  }
  if (now >= new Date(question.expiresAt)) {
    return refuse(`the question expired at ${question.expiresAt}`, 'start it again to be asked again');
  }
  if (approvers.length > 0 && approversCalled(answer.by, approvers).length === 0) {
    const names = approvers.map(({ name }) => name).join(', ');
    return refuse(`${answer.by} is not among the plan's approvers: ${names}`, 'let one of them answer: --as NAME');
  }
  return (fourEyes && refuseRequester(question, answer, approvers)) || { accepted: true, again: false, by };
}

/** Whose IAM identity stands in the plan answers with it, for himself, and nobody else does. */
function refuseUnproven({ answer, approvers, proof }: ApprovalFacts): Refused | undefined {
  const { by, iam } = answer;
  if (iam === undefined) {
    return proof
      ? refuse(
          `the plan names its approvers' IAM identities, and nothing proves that ${by} answers`,
          'answer with `lifeboat approve` or `lifeboat reject`, which sign with your AWS credentials',
        )
      : undefined;
  }
  const called = approversCalled(by, approvers);
  const own = approversWith(iam, approvers);
  if (called.length === 0 || called.some((approver) => own.includes(approver))) return undefined;
  const expected = called.find((approver) => approver.iam !== undefined)?.iam;
  if (expected !== undefined) {
    return refuse(`${by} is ${expected} by the plan, and ${iam} answers`, 'sign in as that identity');
  }
  if (own.length === 0) return undefined;
  return refuse(`${iam} is ${own[0]!.name} by the plan, and answers for ${by}`, 'leave --as out');
}

function refuseRequester(
  { requestedBy }: Question,
  answer: GivenAnswer,
  approvers: readonly Approver[],
): Refused | undefined {
  const four = 'the plan asks for four eyes';
  if (unknownPeople.has(identity(requestedBy))) {
    return refuse(`${four}, and nobody knows who asked`, 'start it again and say who asks: requestedBy');
  }
  if (!isSamePerson({ by: requestedBy }, answer, approvers)) return undefined;
  const { by, iam } = answer;
  if (iam === undefined || isSamePerson({ by: requestedBy }, { by }, approvers) || iam === requestedBy) {
    return refuse(`${four}, and ${by} asked for it`, 'let somebody else answer');
  }
  return refuse(
    `${four}, and only the name of the session tells ${iam} from ${requestedBy}, who asked for it`,
    "let somebody with another role answer, or name both sessions in the plan as two approvers' iam",
  );
}

/** Who comes with an ARN alone is called by his name, where the plan has one. */
function calledByPlan({ by, iam }: GivenAnswer, approvers: readonly Approver[]): string {
  const [own, another] = approversWith(iam, approvers);
  return own && !another && by.trim() === iam ? own.name : by.trim();
}

const refuse = (reason: string, hint: string): Refused => ({ accepted: false, reason, hint });

const isHashOf = (given: string, hash: string): boolean =>
  /^[0-9a-f]{12,64}$/i.test(given) && hash.startsWith(given.toLowerCase());

const nameOf = ({ execution }: Question): string => execution.split(':').at(-1)!;

/** What stands for "we do not know who". */
const unknownPeople = new Set(['', 'somebody']);
