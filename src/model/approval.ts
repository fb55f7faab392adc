import { z } from 'zod';
import { Failure } from '#model/failure';
import type { Approver } from '#model/plan';

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
  reason: z.string().nullable(),
  at: instant,
});
export type Answer = z.infer<typeof answerSchema>;

export interface GivenAnswer {
  decision: Decision;
  /** the plan's hash, or at least 12 digits of its beginning */
  plan: string;
  by: string;
}

export interface ApprovalFacts {
  question: Question;
  answer: GivenAnswer;
  /** the answer that the question has already */
  final?: Answer | undefined;
  approvers: readonly Approver[];
  fourEyes: boolean;
  now: Date;
}

export type ApprovalOutcome =
  /** `again`: the same person gave the same answer before */
  { accepted: true; again: boolean } | { accepted: false; reason: string; hint: string };

/** Why somebody's answer does not count. */
export class ApprovalRefused extends Failure {
  readonly verdict = 'operator';
}

/** An answer was taken and kept, and could not be brought to the execution that waits for it. */
export class AnswerUndelivered extends Failure {
  readonly verdict = 'retry';
}

/**
 * May this answer decide? The first that may is final. Names and e-mail addresses are one person's where the plan's list
 * of approvers says so, and letters' case, blanks around and what is not seen do not tell people apart. Without a list everybody who can
 * reach the machine may answer; with `fourEyes` never the one who asked, nor anybody when nobody knows who asked.
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
  if (final) {
    const same = final.decision === answer.decision && isSamePerson(final.by, answer.by, approvers);
    if (same) return { accepted: true, again: true };
    const what = final.decision === 'approve' ? 'approved' : 'rejected';
    return refuse(
      `it was ${what} by ${final.by} at ${final.at}, and that is final`,
      'start it again to be asked again',
    );
  }
  if (now >= new Date(question.expiresAt)) {
    return refuse(`the question expired at ${question.expiresAt}`, 'start it again to be asked again');
  }
  if (approvers.length > 0 && !approvers.some((approver) => isApprover(answer.by, approver))) {
    const names = approvers.map(({ name }) => name).join(', ');
    return refuse(`${answer.by} is not among the plan's approvers: ${names}`, 'let one of them answer');
  }
  return fourEyes ? refuseRequester(question, answer, approvers) : { accepted: true, again: false };
}

function refuseRequester(
  { requestedBy }: Question,
  { by }: GivenAnswer,
  approvers: readonly Approver[],
): ApprovalOutcome {
  const four = 'the plan asks for four eyes';
  if (unknownPeople.has(identity(requestedBy))) {
    return refuse(`${four}, and nobody knows who asked`, 'start it again and say who asks: requestedBy');
  }
  if (!isSamePerson(requestedBy, by, approvers)) return { accepted: true, again: false };
  return refuse(`${four}, and ${by} asked for it`, 'let somebody else answer');
}

const refuse = (reason: string, hint: string): ApprovalOutcome => ({ accepted: false, reason, hint });

const isHashOf = (given: string, hash: string): boolean =>
  /^[0-9a-f]{12,64}$/i.test(given) && hash.startsWith(given.toLowerCase());

const nameOf = ({ execution }: Question): string => execution.split(':').at(-1)!;

/** What stands for "we do not know who". */
const unknownPeople = new Set(['', 'somebody']);

/** Without what nobody sees: else one person could look like two. */
const identity = (person: string): string =>
  person
    .normalize('NFKC')
    .replace(/[\p{Default_Ignorable_Code_Point}\p{Cc}]/gu, (unseen) => (/\s/.test(unseen) ? ' ' : ''))
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase();

const namesOf = ({ name, email }: Approver): string[] => [name, email ?? name].map(identity);

const isApprover = (person: string, approver: Approver): boolean => namesOf(approver).includes(identity(person));

function isSamePerson(a: string, b: string, approvers: readonly Approver[]): boolean {
  if (identity(a) === identity(b)) return true;
  return approvers.some((approver) => isApprover(a, approver) && isApprover(b, approver));
}
