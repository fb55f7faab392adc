import { defineCommand } from '#cli/command';
import { moveByMachine } from '#cli/move-by-machine';
import { stateOption } from '#cli/open-machines';
import { chooseGroup } from '#model/choose-group';
import { readFailbackInput } from '#model/machine-input';

export const command = defineCommand({
  name: 'failback',
  summary: 'bring a primary back to its home, and lose nothing',
  help: `After a failover, and once the home site is well again: makes its old server a standby of the new primary (rewound where that
can be, else restored from the bucket; what it had alone is kept aside), lets it catch up, and then switches over as
\`lifeboat failover --planned\` does, after a yes to that plan: writes are stopped, everything is there, and only then home is
promoted. Names, capacity and settings follow, and the other side becomes its standby.

A machine does it: of \`lifeboat up\`, or of the stack on AWS. Ctrl-C ends the looking on, not the move. Where the primary is
at home and has no standby, the other site becomes one again, and nothing else moves; with one, or with no primary anywhere, it is
refused. What failed is started again by the same command.`,
  examples: ['lifeboat failback', 'lifeboat failback shop --reason "eu-central-1 is back since Tuesday"'],
  arguments: { group: { summary: 'group in the plan (needed when it has several)', optional: true } },
  options: {
    requestedBy: { flags: '--requested-by <name>', summary: 'who asks for it (default: the user)' },
    reason: { flags: '--reason <text>', summary: 'why, for whoever approves and for the evidence' },
    noWait: { flags: '--no-wait', summary: 'let the machine do it, and do not wait for its end' },
    state: stateOption,
  },

  async run({ group, requestedBy, reason, noWait, state }, context) {
    const { name } = chooseGroup(await context.plan(), group);
    const input = { group: name, ...(reason === undefined ? {} : { reason }) };
    readFailbackInput(input);
    await moveByMachine({ machine: 'failback', input, requestedBy, wait: !noWait, state }, context);
  },
});
