import { defineCommand } from '#cli/command';
import { answerInput, giveAnswer } from '#cli/give-answer';

export const command = defineCommand({
  name: 'approve',
  summary: 'say yes to one recovery plan',
  help: `A restore waits until a person says yes to exactly the plan that it shows, named by the hash. Refused: another hash, an
answer after the question expired (24 hours), somebody who is not among the plan's approvers, the requester where the plan
asks for four eyes. The first answer is final. What the plan needs is looked at once more before anything is touched.`,
  examples: ['lifeboat approve 0f7c2e1a-restore --plan 379ec2ea74d5 --reason "orders lost at 05:13"'],
  ...answerInput,
  run: (input, context) => giveAnswer({ ...input, decision: 'approve' }, context),
});
