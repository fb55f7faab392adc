import { z } from 'zod';
import { mostRequired } from '#model/approval-rules';
import { type Approver, approversCalled, approversWith, identity, isSamePerson, type Person } from '#model/approver';
import { Failure } from '#model/failure';
import { refuseInSlack } from '#model/slack-identity';

const instant = z.iso.datetime();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const planHash = sha256;

/** What a machine waits for: as many people's yes to one plan as are required, or one no. */
export const questionSchema = z.strictObject({
  format: z.literal('lifeboat-question/1'),
  /** ARN */
  execution: z.string(),
  machine: z.string(),
  /** or a system of several, which stand below */
  source: z.string(),
  sources: z.array(z.string()).exactOptional(),
  planHash,
  /** as it is shown to people */
  plan: z.string(),
  requestedBy: z.string(),
  askedAt: instant,
  expiresAt: instant,
  /** how many different people have to say yes; absent: one */
  required: z.number().int().min(1).max(mostRequired).exactOptional(),
  /** names the token that ends the waiting state where few can read it (src/catalog/approval-tokens.ts) */
  tokenDigest: sha256.exactOptional(),
  /** the token itself, which earlier versions kept here; whoever has it can answer, so it is in no notice, log or listing */
  taskToken: z.string().exactOptional(),
});
export type Question = z.infer<typeof questionSchema>;
/** What people are shown of it. */
export type ShownQuestion = Omit<Question, 'taskToken' | 'tokenDigest'>;

export const decisions = ['approve', 'reject'] as const;
export type Decision = (typeof decisions)[number];

/** One person's answer to a question. */
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
  /** the user that Slack has confirmed; absent: it did not come by Slack */
  slack: z.string().exactOptional(),
  reason: z.string().nullable(),
  at: instant,
});
export type Answer = z.infer<typeof answerSchema>;

export interface GivenAnswer extends Person {
  decision: Decision;
  /** the plan's hash, or at least 12 digits of its beginning */
  plan: string;
  reason: string | null;
}

/** How far a question is. */
export interface AnswerStanding {
  /** who said yes, oldest first, the one that decided included */
  yes: Answer[];
  /** the one that decided: the last yes that was needed, or a no; undefined: it waits */
  final: Answer | undefined;
  /** how many more have to say yes; 0 once it is decided */
  missing: number;
}

/** In the order in which they were kept, each was taken after those before it. What came after the end changes nothing. */
export function standingOf({ required = 1 }: Pick<Question, 'required'>, answers: readonly Answer[]): AnswerStanding {
  const yes: Answer[] = [];
  for (const answer of answers) {
    if (answer.decision === 'approve') yes.push(answer);
    if (answer.decision === 'reject' || yes.length >= required) return { yes, final: answer, missing: 0 };
  }
  return { yes, final: undefined, missing: required - yes.length };
}

/** A plan that was asked about before, and the hash of the one that took its place. */
export interface SupersededPlan {
  planHash: string;
  by: string;
  at: string;
}

export interface ApprovalFacts {
  question: Question;
  answer: GivenAnswer;
  /** those that the question has already, in the order in which they were kept */
  answers?: readonly Answer[];
  superseded?: readonly SupersededPlan[];
  approvers: readonly Approver[];
  fourEyes: boolean;
  reasonRequired: boolean;
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
 * May this answer count? Each yes is of another person, until there are as many as are required; one no ends it, also of who
 * said yes before; both are final. Names, e-mail addresses and IAM identities are one person's where the plan's list of approvers
 * says so. Without a list everybody who can reach the machine may answer; with `fourEyes` never the one who asked, nor anybody
 * when nobody knows who asked.
 */
export function decideApproval(facts: ApprovalFacts): ApprovalOutcome {
  const { question, answer, answers = [], approvers, fourEyes, reasonRequired, now } = facts;
  const wrongPlan = refuseOtherPlan(facts);
  if (wrongPlan) return wrongPlan;
  if (identity(answer.by) === '') return refuse('nobody answers', 'say who you are: --as NAME');
  const unproven = refuseUnproven(facts);
  if (unproven) return unproven;
  const by = calledByPlan(answer, approvers);
  const { yes, final } = standingOf(question, answers);
  const said = (answer.decision === 'approve' ? yes : answers).find(
    (one) => one.decision === answer.decision && isSamePerson(one, answer, approvers),
  );
  if (final) {
    if (said && final.decision === answer.decision) return { accepted: true, again: true, by: said.by };
    return refuse(`it was ${describeEnd(yes, final)}, and that is final`, hintAfter(final, question));
  }
  if (now >= new Date(question.expiresAt)) {
    return refuse(`the question expired at ${question.expiresAt}`, 'start it again to be asked again');
  }
  if (approvers.length > 0 && approversCalled(answer.by, approvers).length === 0) {
    const names = approvers.map(({ name }) => name).join(', ');
    return refuse(`${answer.by} is not among the plan's approvers: ${names}`, 'let one of them answer: --as NAME');
  }
  const asker = fourEyes ? refuseRequester(question, answer, approvers) : undefined;
  if (asker) return asker;
  if (said) {
    if (isCalledAlike(said, answer, approvers)) return { accepted: true, again: true, by: said.by };
    return refuse(
      `${by} counts as ${said.by}, who has said yes already: nothing in the plan tells the two apart`,
      "let somebody else answer, or name both in the plan's approvers, each with an iam of their own",
    );
  }
  if (reasonRequired && !/[\p{L}\p{N}]/u.test(answer.reason ?? '')) {
    const what = answer.decision === 'approve' ? 'a yes' : 'a no';
    return refuse(`${what} needs a reason, which is kept as evidence`, 'say why in your own words: --reason TEXT');
  }
  return { accepted: true, again: false, by };
}

/** `approved by Ada and Grace at …` */
export function describeEnd(yes: readonly Answer[], { decision, by, at }: Answer): string {
  return decision === 'approve' ? `approved by ${namesOf(yes)} at ${at}` : `rejected by ${by} at ${at}`;
}

/** `Ada, Grace and Edsger` */
export function namesOf(people: readonly { by: string }[]): string {
  const names = people.map(({ by }) => by);
  return names.length < 2 ? (names[0] ?? 'nobody') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/**
 * What a person types to answer. The reason is theirs to write: as it stands here it is refused. `name` is as a shell takes it,
 * `behind` leads to the same place.
 */
export const answerCommand = (decision: Decision, name: string, planHash: string, behind = ''): string =>
  `lifeboat ${decision} ${name} --plan ${planHash.slice(0, 12)}${behind} --reason "…"`;

function refuseOtherPlan({ question, answer, superseded = [] }: ApprovalFacts): Refused | undefined {
  const { plan, decision } = answer;
  if (isHashOf(plan, question.planHash)) return undefined;
  const expected = question.planHash.slice(0, 12);
  const hint = `read the plan, then: ${answerCommand(decision, nameOf(question), question.planHash)}`;
  const earlier = superseded.find(({ planHash }) => isHashOf(plan, planHash));
  if (!earlier) return refuse(`the plan to answer is ${expected}…, not ${plan || 'nothing'}`, hint);
  const [was, is] = [earlier.planHash, earlier.by].map((hash) => hash.slice(0, 12));
  return refuse(`plan ${was} was superseded by plan ${is} at ${earlier.at}, and that is final`, hint);
}

/** Whose IAM identity stands in the plan answers with it, for himself, and nobody else does. */
function refuseUnproven(facts: ApprovalFacts): Refused | undefined {
  const { answer, approvers, proof } = facts;
  const { by, iam, slack } = answer;
  if (slack !== undefined) {
    const refusal = refuseInSlack(facts);
    return refusal && refuse(refusal.reason, refusal.hint);
  }
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

/** Whether two that are one person also come as that: under names of one approver, or with one identity and not as two of them. */
function isCalledAlike(a: Person, b: Person, approvers: readonly Approver[]): boolean {
  if (identity(a.by) === identity(b.by)) return true;
  const [one, other] = [approversCalled(a.by, approvers), approversCalled(b.by, approvers)];
  if (one.length > 0 && other.length > 0) return one.some((approver) => other.includes(approver));
  return a.iam !== undefined && a.iam === b.iam;
}

/** Who comes with an ARN alone is called by his name, where the plan has one. */
function calledByPlan({ by, iam }: GivenAnswer, approvers: readonly Approver[]): string {
  const [own, another] = approversWith(iam, approvers);
  return own && !another && by.trim() === iam ? own.name : by.trim();
}

/** Who comes too late to say yes must not start a second restore; who comes too late to say no may still stop it. */
const hintAfter = ({ decision }: Answer, question: Question): string =>
  decision === 'approve'
    ? `it needs nobody's yes any more; how far it is: \`lifeboat executions ${nameOf(question)}\``
    : 'start it again to be asked again';

const refuse = (reason: string, hint: string): Refused => ({ accepted: false, reason, hint });

const isHashOf = (given: string, hash: string): boolean =>
  /^[0-9a-f]{12,64}$/i.test(given) && hash.startsWith(given.toLowerCase());

const nameOf = ({ execution }: Question): string => execution.split(':').at(-1)!;

/** What stands for "we do not know who". */
const unknownPeople = new Set(['', 'somebody']);
