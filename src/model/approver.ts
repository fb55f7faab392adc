import { z } from 'zod';
import { isNamedBy, isSameIdentity, parseIamIdentity } from '#model/iam-identity';
import { emailAddress } from '#model/notification';
import { section, text } from '#model/plan-field';
import { slackUser } from '#model/slack-settings';

/** Somebody who may say yes: names that are one person's. */
export interface Approver {
  name: string;
  email?: string;
  /** an IAM user, a role, or one session of a role: nobody else may answer for this approver */
  iam?: string;
  /** the member id of a user of Slack, by whom alone Slack's buttons answer for this approver */
  slack?: string;
}

export const approver: z.ZodType<Approver> = section({
  name: text('the name of a person'),
  email: emailAddress().exactOptional(),
  iam: z
    .custom<string>((value) => typeof value === 'string' && parseIamIdentity(value) !== undefined, {
      error: 'the ARN of an IAM user, of a role, or of one session of a role (arn:aws:sts::…:assumed-role/…/…)',
    })
    .exactOptional(),
  slack: slackUser().exactOptional(),
});

/** Who answers. */
export interface Person {
  /** what they say: a name, an e-mail address, an ARN */
  by: string;
  /** the ARN that AWS has confirmed; undefined: nothing proves who it is */
  iam?: string | undefined;
  /** the user that Slack has confirmed, and whose name in the plan `by` is; undefined: it did not come by Slack */
  slack?: string | undefined;
}

/**
 * Without what nobody sees, and with letters' case and blanks around that do not tell people apart: else one person
 * could look like two.
 */
export const identity = (person: string): string =>
  person
    .normalize('NFKC')
    .replace(/[\p{Default_Ignorable_Code_Point}\p{Cc}]/gu, (unseen) => (/\s/.test(unseen) ? ' ' : ''))
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase();

/** The approvers that a name, an e-mail address or an ARN stands for. */
export const approversCalled = (person: string, approvers: readonly Approver[]): Approver[] =>
  approvers.filter(
    ({ name, email, iam }) =>
      [name, email ?? name].map(identity).includes(identity(person)) ||
      (iam !== undefined && isNamedBy(person.trim(), iam)),
  );

/** The approvers whose IAM identity this ARN is. */
export const approversWith = (iam: string | undefined, approvers: readonly Approver[]): Approver[] =>
  iam === undefined ? [] : approvers.filter((approver) => approver.iam !== undefined && isNamedBy(iam, approver.iam));

/**
 * Whether two are one person, as far as the plan's list tells. IAM identities that differ in nothing but the session's
 * name are one, unless the list names the sessions as two approvers'.
 */
export function isSamePerson(a: Person, b: Person, approvers: readonly Approver[]): boolean {
  if (identity(a.by) === identity(b.by)) return true;
  const [one, other] = [a, b].map(({ by, iam }) => [
    ...approversCalled(by, approvers),
    ...approversWith(iam, approvers),
  ]) as [Approver[], Approver[]];
  if (one.some((approver) => other.includes(approver))) return true;
  // names of two approvers, with one identity that is neither's, are still whoever has that identity
  if ([a, b].every((person) => arnsOf(person).some((arn) => approversWith(arn, approvers).length > 0))) return false;
  return arnsOf(a).some((arn) => arnsOf(b).some((another) => isSameIdentity(arn, another)));
}

const arnsOf = ({ by, iam }: Person): string[] =>
  [iam, by.trim()].filter((arn) => arn !== undefined && parseIamIdentity(arn) !== undefined) as string[];
