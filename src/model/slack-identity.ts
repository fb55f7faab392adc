import type { ApprovalFacts } from '#model/approval';
import { type Approver, approversCalled } from '#model/approver';
import { isSameIdentity } from '#model/iam-identity';

/** The one approver whose user in Slack this is; undefined for everybody else. */
export const approverInSlack = (user: string, approvers: readonly Approver[]): Approver | undefined =>
  approvers.find(({ slack }) => slack === user);

/**
 * Why an answer does not count that Slack has confirmed the sender of; undefined where it may. Slack knows nothing of
 * IAM: under four eyes an ARN that asked has to be somebody's of the plan, or who answers has to have another one there, which
 * differs in more than a session's name.
 */
export function refuseInSlack({ answer, question, approvers, fourEyes }: ApprovalFacts): Refusal | undefined {
  const { by, slack } = answer;
  const own = slack === undefined ? undefined : approverInSlack(slack, approvers);
  if (own?.name !== by) {
    return { reason: `${slack} is not ${by} by the plan`, hint: 'name the user in the plan: approvers[].slack' };
  }
  const { requestedBy } = question;
  if (!fourEyes || !requestedBy.trim().startsWith('arn:')) return undefined;
  if (approversCalled(requestedBy, approvers).length > 0) return undefined;
  if (own.iam !== undefined && !isSameIdentity(own.iam, requestedBy.trim())) return undefined;
  return {
    reason: `the plan asks for four eyes, and nothing tells ${by} in Slack from ${requestedBy}, who asked for it`,
    hint: 'answer with `lifeboat approve` or `lifeboat reject`, or name the IAM identities in the plan: approvers[].iam',
  };
}

interface Refusal {
  reason: string;
  hint: string;
}
