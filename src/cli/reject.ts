import { defineCommand } from '#cli/command';
import { answerInput, giveAnswer } from '#cli/give-answer';

export const command = defineCommand({
  name: 'reject',
  summary: 'say no to one recovery plan',
  help: `Ends a restore that waits for an approval; nothing was touched by it. The same rules as for approve hold, but one no is
enough however many have to say yes, and who said yes may still say no. It is final.`,
  examples: ['lifeboat reject 0f7c2e1a-restore --plan 379ec2ea74d5 --reason "wrong target"'],
  ...answerInput,
  run: (input, context) => giveAnswer({ ...input, decision: 'reject' }, context),
});
