import type { z } from 'zod';
import { secret, section, text } from '#model/plan-field';
import type { SecretReference } from '#model/secret-reference';

/** The Slack app by whose buttons questions are answered. */
export interface SlackSettings {
  /** with it Slack signs what it sends: whoever has it can answer in every approver's name */
  signingSecret: SecretReference;
  /** only who belongs to this workspace answers: a channel that is shared with others has their people in it, too */
  workspace?: string;
}

export const slackSettings: z.ZodType<SlackSettings> = section({
  signingSecret: secret(),
  workspace: text("a workspace's id: T012ABCDEF", /^[TE][A-Z0-9]{4,30}$/).exactOptional(),
});

/** Somebody's id in Slack, which stays when the name changes: profile → ⋮ → Copy member ID. */
export const slackUser = () => text("a person's member id in Slack: U012ABCDEF", /^[UW][A-Z0-9]{4,30}$/);

export interface SlackProblem {
  path: PropertyKey[];
  allowed: string;
}

/** What a plan says of Slack that cannot be: ids that nobody checks, buttons that nobody may press, two with one id. */
export function slackProblems(
  slack: SlackSettings | undefined,
  approvers: readonly { slack?: string }[],
): SlackProblem[] {
  const users = approvers.map((approver) => approver.slack);
  if (slack && users.every((user) => user === undefined)) {
    return [{ path: ['slack'], allowed: 'nothing, since no approver has slack: nobody could answer' }];
  }
  return users.flatMap((user, index) => {
    if (user === undefined) return [];
    const path = ['approvers', index, 'slack'];
    if (!slack) return [{ path, allowed: 'nothing, since the plan has no slack: nobody could check it' }];
    return users.indexOf(user) < index ? [{ path, allowed: "a member id that is no other approver's" }] : [];
  });
}
