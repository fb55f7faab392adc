import { defineCommand } from '#cli/command';
import { answerInput, giveAnswer } from '#cli/give-answer';

export const command = defineCommand({
  name: 'approve',
  summary: 'say yes to one recovery plan',
  help: `A restore waits until people say yes to exactly the plan that it shows, named by the hash: one, or as many different ones as
the plan asks for (approvals.required). Refused: an answer without a reason, unless the plan lets it be; another hash, also that
of a plan that was superseded; an answer after the question expired (24 hours); somebody who is not among the plan's approvers;
the requester where the plan asks for four eyes. The last yes that is needed is final, and so is one no. What the plan needs is
looked at once more before anything is touched. Without --plan the whole plan is shown with the command that answers it, and nothing
is answered.`,
  examples: [
    'lifeboat approve 0f7c2e1a-restore',
    'lifeboat approve 0f7c2e1a-restore --plan 379ec2ea74d5 --reason "orders lost at 05:13"',
  ],
  ...answerInput,
  run: (input, context) => giveAnswer({ ...input, decision: 'approve' }, context),
});
